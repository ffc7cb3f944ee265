"""Rows of a CSV file, each checked as it is read."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from tlx.data.archives import refuse_archive
from tlx.errors import DataError, nearest

__all__ = ["bad_row", "check_characters", "flat", "read_lines", "read_rows"]

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""What may separate columns, the likeliest first."""

_LONGEST_FIELD = 1 << 28


def bad_row(file: str, row: int, what: str, fix: str) -> DataError:
    """The error for one row; rows count from 1, the header included, as spreadsheets do.

    In a file of JSON lines a row is a line.
    """
    return DataError(f"{file} row {row} has {what}", fix=fix)


def flat(columns: Mapping[str, str | Sequence[str]]) -> list[tuple[str, str]]:
    """Pairs of an argument and a column, in order.

    >>> flat({"text": "review", "label": ["happy", "angry"]})
    [('text', 'review'), ('label', 'happy'), ('label', 'angry')]
    """
    several = {key: [names] if isinstance(names, str) else names for key, names in columns.items()}
    return [(key, name) for key, names in several.items() for name in names]


def read_rows(file: str, columns: Mapping[str, str | Sequence[str]]) -> Iterator[tuple[int, list[str]]]:
    """The wanted columns of every row, with the row's number.

    Commas (semicolons or tabs where the first row is written with them), double quotes, UTF-8 with
    or without a byte order mark; empty lines are skipped.

    Args:
        file: The CSV file; its first row names the columns.
        columns: Argument of the data source to the column it names, or the columns, as wanted.

    Raises:
        DataError: The file cannot be read, lacks a column, or a row is not valid.
    """
    with _open(file) as stream:
        wanted_columns = flat(columns)
        delimiter = _delimiter(stream, [name for _, name in wanted_columns])
        rows = _parsed(file, stream, delimiter)
        header = [name.strip() for name in next(rows, (1, []))[1]]
        places = [_place(file, header, *column) for column in wanted_columns]
        for row, fields in rows:
            if len(fields) != len(header):
                raise bad_row(
                    file,
                    row,
                    f"{len(fields)} fields where the header has {len(header)}",
                    f"double quotes around texts that contain {DELIMITERS[delimiter]}",
                )
            wanted = [fields[place] for place in places]
            for (_, name), field in zip(wanted_columns, wanted, strict=True):
                check_characters(file, row, name, field)
            yield row, wanted


def read_lines(file: str) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not empty, with their numbers.

    Raises:
        DataError: The file cannot be read, or a line is not valid UTF-8.
    """
    with _open(file) as stream:
        for number, line in enumerate(stream, start=1):
            text = line.rstrip("\r\n")
            check_characters(file, number, "line", text)
            if text.strip():
                yield number, text


def _open(file: str) -> IO[str]:
    refuse_archive(file)
    try:
        return open(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}", fix="check the path") from error


def _delimiter(stream: IO[str], wanted: Sequence[str]) -> str:
    """What separates the columns: with what the first row names most of those that are wanted."""
    line = stream.readline()[: 1 << 16]  # within what the csv module takes for a field
    stream.seek(0)

    def fit(delimiter: str) -> tuple[int, int]:
        header = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
        return len(set(wanted).intersection(header)), len(header)

    return max(DELIMITERS, key=fit)


def _parsed(file: str, stream: IO[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(stream, strict=True, delimiter=delimiter)
    row = 0
    try:
        for fields in reader:
            row += 1
            if fields:
                yield row, fields
    except csv.Error as error:
        raise bad_row(
            file, row + 1, f"a fault: {error}", 'quotes that close, and "" for a quote inside quotes'
        ) from error
    finally:
        csv.field_size_limit(before)


def _place(file: str, header: list[str], argument: str, name: str) -> int:
    if name in header:
        return header.index(name)
    shown = ", ".join(repr(field[:30]) for field in header[:10]) or "none"
    column = nearest(name, header) or "COLUMN"
    raise DataError(
        f"{file} has no column {name!r}; its first row names {shown}",
        fix=f"data.{argument}={column}, or a first row that names the columns",
    )


def check_characters(file: str, row: int, name: str, field: str) -> None:
    """Refuse what is no text.

    Raises:
        DataError: With the row.
    """
    if "\0" in field:
        raise bad_row(file, row, f"a NUL character in {name}", "remove it; is this a text file?")
    try:
        field.encode()
    except UnicodeEncodeError as error:
        raise bad_row(
            file, row, f"bytes that are not UTF-8 in {name}", f"iconv -t utf-8 {file} > NEW.csv"
        ) from error
