"""Texts with a label, in CSV files."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tlx.data.checks import check_choice, check_splits
from tlx.data.duplicates import Duplicates, check_between
from tlx.data.stratified import check_fractions, divided
from tlx.data.tables import CSV, Format, Table, TableFiles
from tlx.data.texts import Texts
from tlx.types import ClassesFrom, Splits, Targets

__all__ = ["TextCSV"]


class TextCSV:
    """CSV files with a text and a label in every row, and a header that names the columns.

    Give `root`, a folder with train.csv, val.csv (or dev.csv, valid.csv, validation.csv) and
    test.csv as far as they exist, or the files one by one, or one file with a column `split`.
    Without val, a share of train is held out in its place (of each class; see
    `tlx.data.stratified.held_out`); one file alone is divided in three. Class names are the
    sorted labels of train, by number when all are whole numbers.

    What a label is depends on the task: one class; any number of classes, as names with a
    separator in one column (an empty field has none) or as a column of 0 and 1 for each; or a
    column for each number.

    Args:
        root: The folder; files given by name are looked up in it, then in the working directory.
        train: The file to train on; None: train.csv in `root`.
        val: The file that selects the best epoch; None: as found in `root`.
        test: The file for the test split; None: as found in `root`.
        text: Name of the column that holds the text.
        label: Name of the column that holds the label, or of several.
        separator: Between the names where a text has several classes.
        split: Name of a column that says train, val or test in every row; None: the files do.
        val_fraction: Share held out for val where there is none, in (0, 1).
        test_fraction: Share for test when there is neither val nor test, in [0, 1).
        split_seed: Which rows are held out; apart from the run's seed, so that runs with
            different seeds are measured on the same rows.
        duplicates: What to do when the same text is in two splits: "error", "warn", "ignore".

    Raises:
        ConfigError: A value is out of its range, or neither `root` nor `train` is given.
    """

    kind: str = "text"
    flip: bool = False
    form: Format = CSV

    def __init__(
        self,
        root: str | None = None,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        text: str = "text",
        label: str | Sequence[str] = "label",
        separator: str = "|",
        split: str | None = None,
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        duplicates: str = "warn",
    ) -> None:
        check_fractions(val_fraction, test_fraction, split_seed)
        check_choice("duplicates", duplicates, Duplicates)
        self._tables = TableFiles(
            self.form,
            root,
            train,
            val,
            test,
            sample=("text", text),
            label=label,
            split=split,
            separator=separator,
        )
        self._text = text
        self._fractions, self._split_seed = (val_fraction, test_fraction), split_seed
        self._duplicates = duplicates

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with absolute paths."""
        return {
            "_target_": f"{type(self).__module__}.{type(self).__qualname__}",
            "root": self._tables.root,
            **self._tables.files,
            "text": self._text,
            "label": self._tables.label,
            "separator": self._tables.separator,
            "split": self._tables.split,
            "val_fraction": self._fractions[0],
            "test_fraction": self._fractions[1],
            "split_seed": self._split_seed,
            "duplicates": self._duplicates,
        }

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Read the files, check them, and divide what is not divided yet."""
        tables, names = self._tables.read(targets, classes_from)
        found = {word: _texts(table, names) for word, table in tables.items()}
        splits = divided(found, self._fractions, self._split_seed, names)
        check_splits(splits, targets, classes_from)
        check_between(splits, self._duplicates)
        return splits


def _texts(table: Table, names: Sequence[str]) -> Texts:
    rows = table.rows()
    places = np.zeros(len(rows), dtype=np.int64)
    return Texts((table.file,), table.samples.packed(), table.labels.array(names), places, rows)
