"""Rows of a file of JSON lines, each checked as it is read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tlx.data.rows import bad_row, check_characters, flat, read_lines
from tlx.errors import nearest

__all__ = ["read_objects"]


def read_objects(file: str, columns: Mapping[str, str | Sequence[str]]) -> Iterator[tuple[int, list[Any]]]:
    """The wanted keys of every line, with the line's number; empty lines are skipped.

    Args:
        file: A JSON object in every line, UTF-8 with or without a byte order mark.
        columns: Argument of the data source to the key it names, or the keys, as wanted.

    Raises:
        DataError: The file cannot be read, or a line is not such an object or lacks a key.
    """
    wanted = flat(columns)
    for row, line in read_lines(file):
        try:
            found = json.loads(line, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise bad_row(file, row, f"a fault: {error}", "a JSON object in every line") from error
        if not isinstance(found, dict):
            raise bad_row(
                file, row, "JSON that is no object", 'a line such as {"text": "...", "label": "..."}'
            )
        for argument, name in wanted:
            if name not in found:
                known = ", ".join(repr(key[:30]) for key in list(found)[:10]) or "none"
                key = nearest(name, found) or "KEY"
                raise bad_row(file, row, f"no key {name!r}; its keys are {known}", f"data.{argument}={key}")
            for text in found[name] if isinstance(found[name], list) else [found[name]]:
                if isinstance(text, str):
                    check_characters(file, row, name, text)
        yield row, [found[name] for _, name in wanted]


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
