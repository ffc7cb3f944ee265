"""Where two curves over the number of labels cross, and the area below one."""

import math
from collections.abc import Sequence
from itertools import pairwise

from tlx.errors import bad_value

__all__ = ["crossings", "log_area"]


def crossings(places: Sequence[float], first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Where the difference of two curves changes its sign, between points by a straight line in log.

    >>> [round(place, 4) for place in crossings([1, 4, 16], [0.1, 0.5, 0.9], [0.4, 0.5, 0.6])]
    [4.0]
    >>> [round(place, 4) for place in crossings([1, 4], [0.2, 0.8], [0.6, 0.6])]
    [2.5198]

    Args:
        places: Rising, > 0.
        first: A value at each place.
        second: The same.

    Raises:
        ConfigError: The places do not rise, or the lengths differ.
    """
    _check(places, first, second)
    differences = [a - b for a, b in zip(first, second, strict=True)]
    found, sign = list[float](), 0
    for (place, before), (later, after) in pairwise(zip(places, differences, strict=True)):
        sign = _sign(before) or sign
        if sign and _sign(after) == 0:
            continue
        if before == 0 and sign and _sign(after) == -sign:
            found.append(float(place))
        elif before * after < 0:
            share = before / (before - after)
            found.append(math.exp((1 - share) * math.log(place) + share * math.log(later)))
    return found


def log_area(places: Sequence[float], values: Sequence[float]) -> float:
    """The mean of a curve over the log of its places, by trapezoids; of one point its value.

    >>> round(log_area([1, 2, 4], [0.0, 0.5, 1.0]), 4)
    0.5

    Args:
        places: Rising, > 0.
        values: One at each place.

    Raises:
        ConfigError: The places do not rise, or the lengths differ.
    """
    _check(places, values)
    if len(places) == 1:
        return float(values[0])
    logs = [math.log(place) for place in places]
    points = list(zip(logs, values, strict=True))
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    return area / (logs[-1] - logs[0])


def _check(places: Sequence[float], *curves: Sequence[float]) -> None:
    rising = all(a < b for a, b in pairwise(places)) and bool(places) and places[0] > 0
    if not rising or any(len(curve) != len(places) for curve in curves):
        raise bad_value("places", list(places), "rising numbers > 0, with a value at each")


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
