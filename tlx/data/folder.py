"""Image folders: a folder per class, and a folder per split as far as there are any."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from tlx.data.archives import refuse_archive
from tlx.data.checks import Faults, check_choice, check_known_classes, check_one_class, check_splits
from tlx.data.duplicates import Duplicates
from tlx.data.image_checks import BadFiles, Check, check_duplicates, sound_images
from tlx.data.image_search import EXTENSIONS, find_images
from tlx.data.images import ImageFiles
from tlx.data.stratified import check_fractions, divided
from tlx.errors import DataError, bad_value
from tlx.types import ClassesFrom, Splits, Targets

__all__ = ["Folder"]

_OTHER_NAMES = {
    "train": ("training",),
    "val": ("valid", "validation", "dev"),
    "test": ("testing",),
}


class Folder:
    """Images in `root/train/CLASS/`, `root/val/CLASS/`, `root/test/CLASS/`, or `root/CLASS/`.

    Split folders are used as far as they exist. Without a val folder, a share of each class
    of train is held out in its place; without a test folder there is no test split. A root
    without a train folder is a folder of classes and is divided in three. Class names are
    the sorted folder names in train and are imposed on val and test, where a class may be
    missing. Sub-folders of a class belong to it; hidden files are ignored; links are
    followed.

    Args:
        root: The folder.
        train: Name of the sub-folder to train on; None: `root` holds the classes.
        val: Name of the sub-folder that selects the best epoch; None: hold out a share of train.
        test: Name of the sub-folder for the test split; None: no test split.
        val_fraction: Share of each class held out for val where no folder is, in (0, 1).
        test_fraction: Share of each class for test when `root` holds the classes, in [0, 1).
        split_seed: Which samples are held out; apart from the run's seed, so that runs with
            different seeds are measured on the same samples.
        flip: Whether a mirrored image still belongs to its class; not for text or digits.
        extensions: What counts as an image, in any case of letters.
        check: Which files are looked at before training: "decode" every pixel, the "header",
            or "none"; "auto" decodes up to 20 000 files and reads headers beyond. A set that
            was found good is not read again until a path, size or time of change differs, and
            then only the files that differ are.
        bad_files: What to do with files that cannot be read: "error" refuses the set and names
            them; "skip" leaves them out before anything is divided or drawn, see `skipped`.
        duplicates: What to do when the same bytes are in two splits: "error", "warn", "ignore".

    Attributes:
        skipped: The files left out, pairs of path and reason; filled by `splits`.

    Raises:
        ConfigError: A value is out of its range.
    """

    kind: str = "image"

    def __init__(
        self,
        root: str,
        train: str | None = "train",
        val: str | None = "val",
        test: str | None = "test",
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        flip: bool = True,
        extensions: Sequence[str] = EXTENSIONS,
        check: str = "auto",
        bad_files: str = "error",
        duplicates: str = "error",
    ) -> None:
        check_fractions(val_fraction, test_fraction, split_seed)
        check_choice("check", check, Check)
        check_choice("bad_files", bad_files, BadFiles)
        check_choice("duplicates", duplicates, Duplicates)
        self.flip = flip
        self._root = os.path.abspath(os.path.expanduser(str(root)))
        self._names = {"train": train, "val": val, "test": test}
        self._fractions = (val_fraction, test_fraction)
        self._split_seed = split_seed
        self._extensions = tuple("." + e.lower().lstrip(".") for e in extensions)
        if not self._extensions:
            raise bad_value("extensions", extensions, "at least one, such as .jpg")
        self._check, self._bad_files, self._duplicates = check, bad_files, duplicates
        self.skipped = Faults()

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with its root absolute."""
        return {
            "_target_": "tlx.data.folder.Folder",
            "root": self._root,
            **self._names,
            "val_fraction": self._fractions[0],
            "test_fraction": self._fractions[1],
            "split_seed": self._split_seed,
            "flip": self.flip,
            "extensions": list(self._extensions),
            "check": self._check,
            "bad_files": self._bad_files,
            "duplicates": self._duplicates,
        }

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Find the images, check them, and divide what is not divided yet."""
        check_one_class(targets, "a folder for each class")
        self.skipped = Faults()
        present = self._present()
        base = present.get("train", "")
        classes = self._class_folders(base)
        if classes_from == "all":
            others = [os.path.join(self._root, name) for word, name in present.items() if word != "train"]
            classes = tuple(sorted({*classes, *(name for other in others for name in _sub_folders(other))}))
        found = {"train": self._images(base, self._class_folders(base), classes)}
        for word in ("val", "test"):
            if word in present:
                known = self._known_folders(word, present[word], classes)
                found[word] = self._images(present[word], known, classes)
        found = sound_images(found, self._root, self._check, self._bad_files, self.skipped)
        self._refuse_empty(found, classes, classes_from)
        plain = "train" not in present
        fractions = self._fractions if plain else (self._fractions[0], 0.0)
        splits = divided(found, fractions, self._split_seed, classes)
        check_splits(splits, classes_from=classes_from)
        check_duplicates(splits, self._root, self._duplicates)
        return splits

    def _present(self) -> dict[str, str]:
        if not os.path.isdir(self._root):
            refuse_archive(self._root)
            what = "is not a folder" if os.path.exists(self._root) else "does not exist"
            raise DataError(
                f"the image folder {self._root} {what}", fix="data.root=DIR with a folder per class"
            )
        given = {word: name for word, name in self._names.items() if name is not None}
        present = {w: n for w, n in given.items() if os.path.isdir(os.path.join(self._root, n))}
        for word, name in given.items():
            if word in present:
                continue
            if name != word:
                raise DataError(f"there is no folder {name!r} for data.{word}", self._root, self._ways(word))
            alike = [n for n in _OTHER_NAMES[word] if os.path.isdir(os.path.join(self._root, n))]
            if alike and (word == "train" or "train" in present):
                raise DataError(
                    f"there is no folder {name!r}, but {alike[0]!r}", self._root, f"data.{word}={alike[0]}"
                )
        if self._names["train"] is None:
            return {}
        if present and "train" not in present:
            other = next(iter(present.values()))
            raise DataError(
                f"there is a folder {other!r}, but none to train on", self._root, self._ways("train")
            )
        return present

    def _ways(self, word: str) -> str:
        names = ", ".join(_sub_folders(self._root)[:10]) or "no folders"
        return f"data.{word}=NAME, or data.{word}=null for none; there are {names}"

    def _class_folders(self, base: str) -> tuple[str, ...]:
        folder = os.path.join(self._root, base) if base else self._root
        classes = tuple(_sub_folders(folder))
        if len(classes) >= 2:
            return classes
        loose = any(name.lower().endswith(self._extensions) for name in os.listdir(folder))
        seen = f"only {classes[0]!r}" if classes else "images without a class folder" if loose else "none"
        raise DataError(
            f"looked for at least two class folders in {folder}, found {seen}",
            fix="a folder per class, each with its images; data.root one level up or down",
        )

    def _known_folders(self, word: str, base: str, classes: Sequence[str]) -> tuple[str, ...]:
        folder = os.path.join(self._root, base)
        names = _sub_folders(folder)
        filled = {}
        for name in names:
            if name in classes:
                continue
            if len(find_images(folder, [(name, 0)], self._extensions, Faults())):
                filled[name] = os.path.join(folder, name)
        check_known_classes(word, filled, classes)
        return tuple(name for name in names if name in classes)

    def _images(self, base: str, folders: Sequence[str], classes: Sequence[str] | None = None) -> ImageFiles:
        places = {name: label for label, name in enumerate(classes or folders)}
        labelled = [(os.path.join(base, name), places[name]) for name in folders]
        return find_images(self._root, labelled, self._extensions, self.skipped)

    def _refuse_empty(
        self, found: dict[str, ImageFiles], classes: Sequence[str], classes_from: ClassesFrom
    ) -> None:
        sizes = np.bincount(found["train"].labels, minlength=len(classes))
        empty = [name for name, size in zip(classes, sizes, strict=True) if size == 0]
        kinds = " ".join(self._extensions)
        fix = f"add images ({kinds}) or remove the folder; data.extensions for other names"
        if empty and classes_from == "train":
            shown = ", ".join(empty[:10])
            without = f" that can be read; {self.skipped.counted()} left out" if len(self.skipped) else ""
            raise DataError(f"class folders without an image{without}: {shown}", self._root, fix)
        for word, files in found.items():
            if len(files) == 0:
                raise DataError(f"the folder for {word} has no image of a known class", self._root, fix)


def _sub_folders(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
