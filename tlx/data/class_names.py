"""Which classes of one data set are which of another's."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tlx.errors import DataError

__all__ = ["positions"]

NUMBERED = re.compile(r"(\d+)[_\- .].+")
SHOWN = 3


def positions(names: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """The position of each name among known ones, shape (len(names),).

    A name is known as it is written, or but for case, spaces, hyphens and underscores; or, where
    every name begins with a number below the number of known ones (`0007_cock`), by that number. A
    number alone is a name: the digits of one data set are not the first classes of another.

    Args:
        names: Of the classes of a data set.
        known: Of the classes that a network tells apart.

    Raises:
        DataError: A name is not known, or two are the same class.

    >>> positions(["Great_White shark", "tench"], ["tench", "goldfish", "great white shark"]).tolist()
    [2, 0]
    >>> positions(["0002_n01", "0000_n00"], ["tench", "goldfish", "great white shark"]).tolist()
    [2, 0]
    """
    by_name = {_plain(name): place for place, name in reversed(list(enumerate(known)))}
    by_name |= {name: place for place, name in enumerate(known)}
    found = [by_name.get(name, by_name.get(_plain(name), -1)) for name in names]
    if -1 in found:
        numbers = [_number(name) for name in names]
        if all(0 <= number < len(known) for number in numbers):
            found = numbers
    lost = [name for name, place in zip(names, found, strict=True) if place < 0]
    if lost:
        raise DataError(
            f"{len(lost)} of the {len(names)} source classes are none that the weights know: "
            f"{', '.join(lost[:SHOWN])}; they know {', '.join(known[:SHOWN])} and so on, {len(known)} in all",
            fix="the names of the original classes, or names that begin with their numbers (0007_cock)",
        )
    if len(set(found)) < len(found):
        raise DataError("two source classes are the same class of the weights", fix="one name for each class")
    return np.asarray(found, dtype=np.int64)


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name).strip().casefold()


def _number(name: str) -> int:
    match = NUMBERED.fullmatch(name)
    return int(match.group(1)) if match else -1
