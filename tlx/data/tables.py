"""Files whose rows hold a sample and its label: find them, read them, sort the rows into splits."""

import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlx.data.archives import refuse_archive
from tlx.data.checks import check_known_classes
from tlx.data.json_lines import read_objects
from tlx.data.labels import Labels, labels_for
from tlx.data.packed import Packer
from tlx.data.rows import bad_row, read_rows
from tlx.errors import ConfigError, DataError
from tlx.types import ClassesFrom, Targets

__all__ = ["CSV", "JSON_LINES", "Format", "Table", "TableFiles"]

Read = Callable[[str, Mapping[str, str | Sequence[str]]], Iterator[tuple[int, list[Any]]]]


class Format(NamedTuple):
    """How a table lies in a file."""

    extension: str  # with the dot
    read: Read  # the wanted columns of every row


CSV = Format(".csv", read_rows)
JSON_LINES = Format(".jsonl", read_objects)

_STEMS = {
    "train": ("train",),
    "val": ("val", "dev", "valid", "validation"),
    "test": ("test",),
}
_WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}


class Table:
    """The rows of one split, as read.

    Args:
        file: Where they come from.
        labels: What reads their labels.
    """

    def __init__(self, file: str, labels: Labels) -> None:
        self.file, self.labels = file, labels
        self.samples, self._rows = Packer(), array("q")

    def add(self, row: int, sample: str, values: Sequence[Any]) -> None:
        """Take one row. Raises DataError where its label is none."""
        self.labels.add(row, values)
        self.samples.add(sample)
        self._rows.append(row)

    def rows(self) -> NDArray[np.int64]:
        """The row of each sample in its file, shape (N,)."""
        return np.array(self._rows, dtype=np.int64)


class TableFiles:
    """One file, a file for each split, or a folder of them.

    Args:
        form: How the tables lie in the files.
        root: A folder; files given by name are looked up in it, then in the working directory.
            Without `train` it is searched for train, val (or dev, valid, validation) and test.
        train: The file to train on; or the only one.
        val: The file that selects the best epoch.
        test: The file for the test split.
        sample: The argument that names the column with the sample, and that column.
        label: The column with the label, or several.
        split: A column that says which split a row belongs to; None: the files say it.
        separator: Between the names of several classes in one field.
        alone: Whether `train` is the only file, whatever else is in `root`.

    Raises:
        ConfigError: Nothing to train on is given, or `split` beside files for val or test.
    """

    def __init__(
        self,
        form: Format,
        root: str | None,
        train: str | None,
        val: str | None,
        test: str | None,
        *,
        sample: tuple[str, str],
        label: str | Sequence[str],
        split: str | None,
        separator: str,
        alone: bool = False,
    ) -> None:
        if root is None and train is None:
            names = f"train{form.extension}, or data.train=FILE{form.extension}"
            raise ConfigError("nothing to train on", fix=f"data.root=DIR with {names}")
        if split is not None and (val is not None or test is not None):
            raise ConfigError(
                f"data.split={split} divides one file, and there are others for val or test",
                fix="data.split=null, or data.val=null data.test=null",
            )
        if not label:
            raise ConfigError("no column for the label", fix="data.label=COLUMN")
        if not separator:
            raise ConfigError("nothing separates classes", fix='data.separator="|"')
        self.root = os.path.abspath(os.path.expanduser(root)) if root is not None else None
        self.files = {"train": self._place(train), "val": self._place(val), "test": self._place(test)}
        self.label = label if isinstance(label, str) else list(label)
        self.split, self.separator = split, separator
        self.alone, self._search = alone, not alone and split is None
        self._form, self._sample = form, sample

    def read(
        self, targets: Targets, classes_from: ClassesFrom = "train"
    ) -> tuple[dict[str, Table], tuple[str, ...]]:
        """The table of each split that has rows, and the names of the classes or numbers.

        Raises:
            DataError: A file is missing or a row cannot be used; or val or test has a class that
                train has not.
        """
        tables: dict[str, Table] = {}
        refuse_archive(self.root or "")
        for word, file in self._present().items():
            self._read_file(word, file, targets, tables)
        if "train" not in tables:
            raise DataError(
                f"{self.files['train'] or self.root} has no row to train on",
                fix=f"rows with train in the column {self.split}" if self.split else "a file with rows",
            )
        if classes_from == "all":
            return tables, tuple(sorted({name for table in tables.values() for name in table.labels.names()}))
        names = tables["train"].labels.names()
        for word, table in tables.items():
            check_known_classes(word, table.labels.first_rows(), names)
        return tables, names

    def _read_file(self, word: str, file: str, targets: Targets, tables: dict[str, Table]) -> None:
        argument, column = self._sample
        columns: dict[str, str | Sequence[str]] = {argument: column, "label": self.label}
        if self.split is not None:
            columns["split"] = self.split
        else:
            tables[word] = Table(file, labels_for(targets, file, self.label, self.separator))
        for row, (sample, *values) in self._form.read(file, columns):
            if self.split is not None:
                word = self._word(file, row, values.pop())
            if word not in tables:
                tables[word] = Table(file, labels_for(targets, file, self.label, self.separator))
            if not isinstance(sample, str):
                raise bad_row(
                    file, row, f"a {column} that is no string", f"a string, or data.{argument}=NAME"
                )
            if not sample.strip():
                raise bad_row(file, row, f"an empty {column}", "fill it in or remove the row")
            tables[word].add(row, sample, values)

    def _word(self, file: str, row: int, value: Any) -> str:
        said = str(value).strip().lower()
        for word, known in _WORDS.items():
            if said in known:
                return word
        raise bad_row(file, row, f"{value!r} in {self.split}", "train, val or test in every row")

    def _place(self, file: str | None) -> str | None:
        if file is None:
            return None
        file = os.path.expanduser(file)
        place = os.path.abspath(os.path.join(self.root or "", file))
        return place if os.path.exists(place) or not os.path.exists(file) else os.path.abspath(file)

    def _present(self) -> dict[str, str]:
        present = {}
        extension = self._form.extension
        for word, file in self.files.items():
            if file is None and self.root is not None and (word == "train" or self._search):
                places = [os.path.join(self.root, stem + extension) for stem in _STEMS[word]]
                file = next((place for place in places if os.path.exists(place)), None)
            if file is not None:
                present[word] = file
        if "train" not in present:
            raise DataError(
                f"looked for train{extension} in {self.root} and found none",
                fix=f"data.train=FILE{extension}, or data.root=DIR with train{extension}",
            )
        for word, file in present.items():
            if not os.path.isfile(file):
                key = "file" if self.alone else word
                raise DataError(f"there is no file {file}", fix=f"data.{key}=FILE{extension} that exists")
        return present
