"""Texts with a label, in CSV files."""

import math
import os
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np

from tlx.data.checks import (
    Duplicates,
    check_choice,
    check_known_classes,
    check_splits,
    duplicates_between,
    report_duplicates,
)
from tlx.data.packed import PackedStrings
from tlx.data.rows import bad_row, read_rows
from tlx.data.stratified import check_fractions, held_out
from tlx.data.texts import Texts
from tlx.errors import ConfigError, DataError
from tlx.types import Splits

__all__ = ["TextCSV"]

_FILE_NAMES = {
    "train": ("train.csv",),
    "val": ("val.csv", "dev.csv", "valid.csv", "validation.csv"),
    "test": ("test.csv",),
}


class TextCSV:
    """CSV files with a text and a label in every row, and a header that names the columns.

    Give `root`, a folder with train.csv, val.csv (or dev.csv, valid.csv, validation.csv) and
    test.csv as far as they exist, or the files one by one. Without a val file, a share of
    each class of train is held out in its place; one file alone is divided in three. Class
    names are the sorted labels of train, by number when all are whole numbers.

    Args:
        root: The folder; files given by name are looked up in it.
        train: The file to train on; None: train.csv in `root`.
        val: The file that selects the best epoch; None: as found in `root`.
        test: The file for the test split; None: as found in `root`.
        text: Name of the column that holds the text.
        label: Name of the column that holds the label.
        val_fraction: Share of each class held out for val where no file is, in (0, 1).
        test_fraction: Share of each class for test when there is one file alone, in [0, 1).
        split_seed: Which rows are held out; apart from the run's seed, so that runs with
            different seeds are measured on the same rows.
        duplicates: What to do when the same text is in two splits: "error", "warn", "ignore".

    Raises:
        ConfigError: A value is out of its range, or neither `root` nor `train` is given.
    """

    kind: str = "text"
    flip: bool = False

    def __init__(
        self,
        root: str | None = None,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        text: str = "text",
        label: str = "label",
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        duplicates: str = "warn",
    ) -> None:
        check_fractions(val_fraction, test_fraction, split_seed)
        check_choice("duplicates", duplicates, Duplicates)
        if root is None and train is None:
            raise ConfigError(
                "no text to train on", fix="data.root=DIR with train.csv, or data.train=FILE.csv"
            )
        self._root = os.path.abspath(os.path.expanduser(root)) if root is not None else None
        self._files = {"train": self._place(train), "val": self._place(val), "test": self._place(test)}
        self._text, self._label = text, label
        self._fractions, self._split_seed = (val_fraction, test_fraction), split_seed
        self._duplicates = duplicates

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with absolute paths."""
        return {
            "_target_": "tlx.data.text_csv.TextCSV",
            "root": self._root,
            **self._files,
            "text": self._text,
            "label": self._label,
            "val_fraction": self._fractions[0],
            "test_fraction": self._fractions[1],
            "split_seed": self._split_seed,
            "duplicates": self._duplicates,
        }

    def splits(self) -> Splits:
        """Read the files, check them, and divide what is not divided yet."""
        read = {word: _Labelled(file, self._text, self._label) for word, file in self._present().items()}
        classes = read["train"].class_names()
        found = {}
        for word, table in read.items():
            check_known_classes(word, table.first_rows(), classes)
            found[word] = table.texts(classes)
        train, val, test = found["train"], found.get("val"), found.get("test")
        if val is None:
            fractions = self._fractions if test is None else (self._fractions[0], 0.0)
            rest, for_val, for_test = held_out(train.labels, fractions, self._split_seed, classes)
            if len(for_test):
                test = train.subset(for_test)
            train, val = train.subset(rest), train.subset(for_val)
        splits = Splits(train, val, test, classes)
        check_splits(splits)
        if self._duplicates != "ignore":
            parts = {"train": train, "val": val} | ({"test": test} if test is not None else {})
            report_duplicates(duplicates_between(parts), self._duplicates)
        return splits

    def _place(self, file: str | None) -> str | None:
        if file is None:
            return None
        return os.path.abspath(os.path.join(self._root or "", os.path.expanduser(file)))

    def _present(self) -> dict[str, str]:
        present = {}
        for word, file in self._files.items():
            if file is None and self._root is not None:
                places = [os.path.join(self._root, name) for name in _FILE_NAMES[word]]
                file = next((place for place in places if os.path.exists(place)), None)
            if file is not None:
                present[word] = file
        if "train" not in present:
            raise DataError(
                f"looked for train.csv in {self._root} and found none",
                fix="data.train=FILE.csv, or data.root=DIR with train.csv",
            )
        for word, file in present.items():
            if not os.path.isfile(file):
                raise DataError(f"there is no file {file}", fix=f"data.{word}=FILE.csv that exists")
        return present


class _Labelled:
    """One file, read: texts, the row of each, and its label as a position in `names`."""

    def __init__(self, file: str, text: str, label: str) -> None:
        self.file, self.names = file, dict[str, int]()
        self._labels, self._rows, self._firsts = array("q"), array("q"), array("q")
        self._texts = PackedStrings.of(self._read(text, label))
        self._refuse_numbers_that_are_no_classes()

    def _read(self, text: str, label: str) -> Iterator[str]:
        for row, (words, name) in read_rows(self.file, {"text": text, "label": label}):
            name = name.strip()
            if not name or name.lower() == "nan":
                raise bad_row(self.file, row, f"no {label}", "label the row or remove it")
            if not words.strip():
                raise bad_row(self.file, row, f"an empty {text}", "fill it in or remove the row")
            if name not in self.names:
                self.names[name] = len(self.names)
                self._firsts.append(row)
            self._labels.append(self.names[name])
            self._rows.append(row)
            yield words

    def _refuse_numbers_that_are_no_classes(self) -> None:
        numbers = {name: _number(name) for name in self.names}
        if any(number is None for number in numbers.values()):
            return
        for name, number in numbers.items():
            if number is None or number < 0 or not number.is_integer():
                row = self._firsts[self.names[name]]
                raise bad_row(
                    self.file, row, f"the label {name}, among numbers", "whole numbers >= 0, or class names"
                )

    def _canonical(self) -> dict[str, str]:
        """Class name of each label: whole numbers lose leading zeros and a decimal point."""
        numbers = {name: _number(name) for name in self.names}
        if any(number is None for number in numbers.values()):
            return {name: name for name in self.names}
        return {name: str(int(number)) for name, number in numbers.items() if number is not None}

    def class_names(self) -> tuple[str, ...]:
        """Sorted; by number when all are whole numbers."""
        names = set(self._canonical().values())
        return tuple(sorted(names, key=int if all(_number(n) is not None for n in names) else None))

    def first_rows(self) -> dict[str, str]:
        """Class name to where it stands first."""
        return {
            name: f"{self.file} row {self._firsts[self.names[label]]}"
            for label, name in reversed(self._canonical().items())
        }

    def texts(self, classes: tuple[str, ...]) -> Texts:
        """The split, labelled by position in `classes`."""
        known = np.array([classes.index(name) for name in self._canonical().values()], dtype=np.int64)
        labels = known[np.array(self._labels, dtype=np.int64)] if self.names else np.empty(0, np.int64)
        places = np.zeros(len(labels), dtype=np.int64)
        return Texts((self.file,), self._texts, labels, places, np.array(self._rows, dtype=np.int64))


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in name else None
