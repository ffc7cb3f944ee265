"""Images listed in CSV files, each with its label."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.checks import Faults, check_choice, check_splits
from tlx.data.duplicates import Duplicates
from tlx.data.image_checks import BadFiles, Check, check_duplicates, sound_images
from tlx.data.image_search import listed_images
from tlx.data.images import ImageFiles
from tlx.data.packed import PackedStrings
from tlx.data.rows import bad_row
from tlx.data.stratified import check_fractions, divided
from tlx.data.tables import CSV, Table, TableFiles
from tlx.data.warned import warn
from tlx.errors import ConfigError, DataError
from tlx.types import ClassesFrom, Splits, Targets

__all__ = ["ImageCSV"]

_log = logging.getLogger(__name__)


class ImageCSV:
    """CSV files with the path of an image and its label in every row, under a header.

    Give one `file`, which is divided in three or by its column `split`; or `train`, and `val`
    and `test` as far as they exist; or a `root` with train.csv, val.csv and test.csv. Paths
    are relative to `root` (without one, to the folder of their CSV file) and stay below it;
    absolute paths have to be below it too, which `root: /` allows to any. Class names are
    the sorted labels of train, by number when all are whole numbers.

    What a label is depends on the task: one class; any number of classes, as names with a
    separator in one column (an empty field has none) or as a column of 0 and 1 for each; or a
    column for each number.

    Args:
        root: The folder that paths are relative to; CSV files given by name are looked up in
            it, then in the working directory. None: the folder of each CSV file.
        file: The only CSV file.
        train: The CSV file to train on, in place of `file`.
        val: The CSV file that selects the best epoch; None: as found in `root`.
        test: The CSV file for the test split; None: as found in `root`.
        image: Name of the column that holds the path.
        suffix: Added to every path, such as .jpg where the column holds names without it.
        label: Name of the column that holds the label, or of several.
        separator: Between the names where an image has several classes.
        split: Name of a column that says train, val or test in every row; None: the files do.
        val_fraction: Share held out for val where there is none, in (0, 1).
        test_fraction: Share for test when there is neither val nor test, in [0, 1).
        split_seed: Which rows are held out; apart from the run's seed, so that runs with
            different seeds are measured on the same rows.
        flip: Whether a mirrored image still has its label; not for text or digits.
        check: Which files are looked at before training: "decode" every pixel, the "header",
            or "none"; "auto" decodes up to 20 000 files and reads headers beyond. Only files
            that changed are looked at again.
        bad_files: What to do with files that are missing or cannot be read: "error" refuses
            the set and names them; "skip" leaves them out before anything is divided or drawn,
            see `skipped`.
        duplicates: What to do when two rows name the same image, or the same bytes are in two
            splits: "error", "warn", "ignore".

    Attributes:
        skipped: The files left out, pairs of path and reason; filled by `splits`.

    Raises:
        ConfigError: A value is out of its range, or no CSV file is given.
    """

    kind: str = "image"

    def __init__(
        self,
        root: str | None = None,
        file: str | None = None,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        image: str = "image",
        suffix: str = "",
        label: str | Sequence[str] = "label",
        separator: str = "|",
        split: str | None = None,
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        flip: bool = True,
        check: str = "auto",
        bad_files: str = "error",
        duplicates: str = "error",
    ) -> None:
        check_fractions(val_fraction, test_fraction, split_seed)
        check_choice("check", check, Check)
        check_choice("bad_files", bad_files, BadFiles)
        check_choice("duplicates", duplicates, Duplicates)
        if file is not None and not (train is None and val is None and test is None):
            raise ConfigError(
                "data.file is the only file, and there are others for train, val or test",
                fix="data.train in its place",
            )
        self.flip = flip
        self._tables = TableFiles(
            CSV,
            root,
            train if file is None else file,
            val,
            test,
            sample=("image", image),
            label=label,
            split=split,
            separator=separator,
            alone=file is not None,
        )
        self._image, self._suffix = image, suffix
        self._fractions, self._split_seed = (val_fraction, test_fraction), split_seed
        self._check, self._bad_files, self._duplicates = check, bad_files, duplicates
        self.skipped = Faults()

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with absolute paths."""
        files = dict(self._tables.files)
        return {
            "_target_": "tlx.data.image_csv.ImageCSV",
            "root": self._tables.root,
            "file": files["train"] if self._tables.alone else None,
            **(dict.fromkeys(files) if self._tables.alone else files),
            "image": self._image,
            "suffix": self._suffix,
            "label": self._tables.label,
            "separator": self._tables.separator,
            "split": self._tables.split,
            "val_fraction": self._fractions[0],
            "test_fraction": self._fractions[1],
            "split_seed": self._split_seed,
            "flip": self.flip,
            "check": self._check,
            "bad_files": self._bad_files,
            "duplicates": self._duplicates,
        }

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Read the tables, find and check the images, and divide what is not divided yet."""
        self.skipped = Faults()
        tables, names = self._tables.read(targets, classes_from)
        placed = {word: self._placed(table) for word, table in tables.items()}
        self._check_rows(tables, placed)
        found = {
            word: listed_images(
                self._root(table), placed[word], table.labels.array(names), self.skipped, table.rows()
            )
            for word, table in tables.items()
        }
        self._refuse_nothing(tables, placed, found)
        root = self._tables.root or os.path.commonpath([os.path.dirname(t.file) for t in tables.values()])
        sound = sound_images(found, root, self._check, self._bad_files, self.skipped)
        splits = divided(sound, self._fractions, self._split_seed, names)
        check_splits(splits, targets, classes_from)
        check_duplicates(splits, root, self._duplicates)
        return splits

    def _root(self, table: Table) -> str:
        return self._tables.root or os.path.dirname(table.file)

    def _placed(self, table: Table) -> PackedStrings:
        """The paths of a table, below its root."""
        root, rows = self._root(table), table.rows()

        def paths() -> Iterator[str]:
            for index, path in enumerate(table.samples.packed()):
                given = path.strip() + self._suffix
                place = os.path.relpath(given, root) if os.path.isabs(given) else os.path.normpath(given)
                if place == os.pardir or place.startswith(os.pardir + os.sep):
                    raise bad_row(
                        table.file,
                        int(rows[index]),
                        f"a path out of {root}: {given}",
                        "data.root=DIR, a folder above all images; data.root=/ for any",
                    )
                yield place

        return PackedStrings.of(paths())

    def _refuse_nothing(
        self,
        tables: Mapping[str, Table],
        placed: Mapping[str, PackedStrings],
        found: Mapping[str, ImageFiles],
    ) -> None:
        for word, files in found.items():
            if len(files) == 0:
                first = os.path.join(self._root(tables[word]), placed[word][0])
                raise DataError(
                    f"none of the {len(placed[word])} images for {word} is there; the first would be {first}",
                    where=tables[word].file,
                    fix="data.root=DIR that the paths start from, or data.suffix=.jpg where they lack it",
                )

    def _check_rows(self, tables: Mapping[str, Table], placed: Mapping[str, PackedStrings]) -> None:
        """Refuse an image that two rows name, or say it."""
        if self._duplicates == "ignore":
            return
        words = list(tables)
        roots = {word: self._root(table) for word, table in tables.items()}
        rows = {word: table.rows() for word, table in tables.items()}
        hashes = np.concatenate([_hashes(roots[word], placed[word]) for word in words])
        owner = np.repeat(np.arange(len(words)), [len(placed[word]) for word in words])
        index = np.concatenate([np.arange(len(placed[word])) for word in words])

        def told(at: int) -> tuple[str, str, int]:
            word, place = words[owner[at]], int(index[at])
            path = os.path.join(roots[word], placed[word][place])
            return path, tables[word].file, int(rows[word][place])

        order = np.argsort(hashes, kind="stable")
        same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
        pairs = [(told(order[at]), told(order[at + 1])) for at in same]
        pairs = [(one, other) for one, other in pairs if one[0] == other[0]]
        if not pairs:
            return
        (path, before, first), (_, file, row) = min(pairs, key=lambda pair: pair[1][1:])
        what = (
            f"an image that another row names too ({os.path.basename(before)} row {first}): {path}; "
            f"{'there is 1 such row' if len(pairs) == 1 else f'there are {len(pairs)} such rows'}"
        )
        fix = "one row for each image, several classes as a|b with task=multilabel; or data.duplicates=warn"
        if self._duplicates == "error":
            raise bad_row(file, row, what, fix)
        warn(_log, f"{file} row {row} has {what}")


def _hashes(root: str, paths: PackedStrings) -> NDArray[np.int64]:
    return np.fromiter((hash((root, path)) for path in paths), np.int64, count=len(paths))
