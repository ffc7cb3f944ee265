"""The label column of a table, read row by row into an array."""

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tlx.data.rows import bad_row
from tlx.errors import DataError
from tlx.types import Targets

__all__ = ["Labels", "labels_for"]


class Labels(Protocol):
    """What the rows of one split are labelled with."""

    def add(self, row: int, values: Sequence[Any]) -> None:
        """Read the label fields of one row. Raises DataError with the row."""
        ...

    def names(self) -> tuple[str, ...]:
        """The names of the classes, or of the numbers."""
        ...

    def first_rows(self) -> Mapping[str, str]:
        """Name to where it stands first."""
        ...

    def array(self, names: Sequence[str]) -> NDArray[Any]:
        """All labels, as `Split.labels`; a class by its position in `names`."""
        ...


def labels_for(targets: Targets, file: str, label: str | Sequence[str], separator: str) -> Labels:
    """What reads the labels that a task needs.

    Args:
        targets: One "class": a name or number in one column. "classes": names in one column,
            or a column of 0 and 1 for each class. "numbers": a column for each.
        file: For people.
        label: The column, or several.
        separator: Between the names of several classes in one field.

    Raises:
        DataError: Several columns where one class is needed.
    """
    if targets == "numbers":
        return _Numbers(file, [label] if isinstance(label, str) else label)
    if targets == "classes":
        return _Names(file, label, separator) if isinstance(label, str) else _Flags(file, label)
    if isinstance(label, str):
        return _Name(file, label)
    if len(label) == 1:
        return _Name(file, label[0])
    raise DataError(
        f"data.label names {len(label)} columns, and the task needs one class for each sample",
        fix=f"data.label={label[0] if label else 'COLUMN'}, or task=multilabel or task=regression",
    )


class _Known:
    """The names seen so far, in the order seen."""

    def __init__(self, file: str) -> None:
        self.file, self._places, self._firsts = file, dict[str, int](), array("q")

    def place(self, row: int, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self._places)
            self._firsts.append(row)
        return self._places[name]

    def names(self) -> tuple[str, ...]:
        """Sorted; by number when all are whole numbers."""
        names = set(self._canonical().values())
        return tuple(sorted(names, key=int if all(_number(n) is not None for n in names) else None))

    def first_rows(self) -> Mapping[str, str]:
        return {
            name: f"{self.file} row {self._firsts[self._places[seen]]}"
            for seen, name in reversed(self._canonical().items())
        }

    def positions(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Where each name seen stands in `names`."""
        at = {name: position for position, name in enumerate(names)}
        return np.array([at[name] for name in self._canonical().values()], dtype=np.int64)

    def _canonical(self) -> dict[str, str]:
        """Class name of each name seen: whole numbers lose leading zeros and a decimal point."""
        numbers = {name: _number(name) for name in self._places}
        if any(number is None for number in numbers.values()):
            return {name: name for name in self._places}
        for name, number in numbers.items():
            if number is None or number < 0 or not number.is_integer():
                what = f"the label {name}, among numbers"
                row = self._firsts[self._places[name]]
                raise bad_row(
                    self.file, row, what, "whole numbers >= 0, class names, or task=regression for numbers"
                )
        return {name: str(int(number)) for name, number in numbers.items() if number is not None}


class _Name:
    """One class in each row, shape (N,), int64."""

    def __init__(self, file: str, label: str) -> None:
        self._known, self._label, self._labels = _Known(file), label, array("q")

    def add(self, row: int, values: Sequence[Any]) -> None:
        (value,) = values
        if isinstance(value, list):
            raise bad_row(
                self._known.file,
                row,
                f"several values in {self._label}",
                "one class a row, or task=multilabel",
            )
        name = _name(self._known.file, row, self._label, value)
        if not name:
            raise bad_row(self._known.file, row, f"no {self._label}", "label the row or remove it")
        self._labels.append(self._known.place(row, name))

    def names(self) -> tuple[str, ...]:
        return self._known.names()

    def first_rows(self) -> Mapping[str, str]:
        return self._known.first_rows()

    def array(self, names: Sequence[str]) -> NDArray[Any]:
        labels = np.array(self._labels, dtype=np.int64)
        return self._known.positions(names)[labels] if len(labels) else labels


class _Names:
    """Any number of classes in each row, in one field, shape (N, K), uint8; an empty one has none."""

    def __init__(self, file: str, label: str, separator: str) -> None:
        self._known, self._label, self._separator = _Known(file), label, separator
        self._labels, self._counts, self._lists = array("q"), array("q"), False

    def add(self, row: int, values: Sequence[Any]) -> None:
        (value,) = values
        parts = value if isinstance(value, list) else _text(value).split(self._separator)
        named = [_name(self._known.file, row, self._label, part) for part in parts]
        if isinstance(value, list) and "" in named:
            raise bad_row(self._known.file, row, f"an empty name in {self._label}", "remove it")
        found = {self._known.place(row, name) for name in named if name}
        self._labels.extend(sorted(found))
        self._counts.append(len(found))
        self._lists = self._lists or isinstance(value, list)

    def names(self) -> tuple[str, ...]:
        names = self._known.names()
        several = self._lists or max(self._counts, default=0) > 1
        if len(names) > 1 and not several and all(_number(name) is not None for name in names):
            raise DataError(
                f"{self._known.file}: the column {self._label} holds {len(names)} whole numbers, one a row, "
                "which are no classes that a sample has several of",
                fix="task=regression for numbers, task=multiclass for one class of each, or "
                f"data.label=[{self._label}] for a yes or no as 1 and 0",
            )
        return names

    def first_rows(self) -> Mapping[str, str]:
        return self._known.first_rows()

    def array(self, names: Sequence[str]) -> NDArray[Any]:
        found = np.zeros((len(self._counts), len(names)), dtype=np.uint8)
        rows = np.repeat(np.arange(len(self._counts)), np.array(self._counts, dtype=np.int64))
        if len(rows):
            found[rows, self._known.positions(names)[np.array(self._labels, dtype=np.int64)]] = 1
        return found


class _Flags:
    """Any number of classes in each row, a column of 0 and 1 for each, shape (N, K), uint8."""

    def __init__(self, file: str, labels: Sequence[str]) -> None:
        self._file, self._columns, self._flags = file, tuple(labels), bytearray()

    def add(self, row: int, values: Sequence[Any]) -> None:
        for column, value in zip(self._columns, values, strict=True):
            number = value if isinstance(value, int | float) else _number(_text(value).strip())
            if number not in (0, 1):
                raise bad_row(
                    self._file,
                    row,
                    f"{value!r} for the class {column}",
                    "0 or 1 in every column of data.label",
                )
            self._flags.append(int(number))

    def names(self) -> tuple[str, ...]:
        return self._columns

    def first_rows(self) -> Mapping[str, str]:
        return {}

    def array(self, names: Sequence[str]) -> NDArray[Any]:
        return np.frombuffer(bytes(self._flags), dtype=np.uint8).reshape(-1, len(self._columns))


class _Numbers:
    """One or several numbers in each row, shape (N, R), float32."""

    def __init__(self, file: str, labels: Sequence[str]) -> None:
        self._file, self._columns = file, tuple(labels)
        self._numbers, self._width = array("f"), 0

    def add(self, row: int, values: Sequence[Any]) -> None:
        if len(values) == 1 and isinstance(values[0], list):
            values = values[0]
        self._width = self._width or len(values)
        if len(values) != self._width or not values:
            what = f"{len(values)} numbers where the first row has {self._width}"
            raise bad_row(self._file, row, what, "as many in every row, at least one")
        for name, value in zip(self.names(), values, strict=True):
            number = _finite(value)
            if number is None:
                what = f"no {name}" if _text(value).strip() == "" else f"{_text(value)!r} for {name}"
                raise bad_row(self._file, row, what, "a finite number in every row, or without the row")
            self._numbers.append(number)

    def names(self) -> tuple[str, ...]:
        if len(self._columns) == self._width or not self._width:
            return self._columns
        return tuple(f"{self._columns[0]}[{position}]" for position in range(self._width))

    def first_rows(self) -> Mapping[str, str]:
        return {}

    def array(self, names: Sequence[str]) -> NDArray[Any]:
        return np.array(self._numbers, dtype=np.float32).reshape(-1, self._width or len(names))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(file: str, row: int, label: str, value: Any) -> str:
    """A class name without blanks around it; empty where there is none."""
    if isinstance(value, list | dict):
        raise bad_row(file, row, f"{label} inside {label}", "class names, numbers, or a flat list of them")
    name = _text(value).strip()
    return "" if name.lower() == "nan" else name


def _finite(value: Any) -> float | None:
    """A number that float32 holds, or None."""
    if isinstance(value, bool | list | dict):
        return None
    number = _number(_text(value).strip())
    return number if number is not None and abs(number) <= _LARGEST else None


def _number(name: str) -> float | None:
    try:
        number = float(name)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in name else None


_LARGEST = float(np.finfo(np.float32).max)
