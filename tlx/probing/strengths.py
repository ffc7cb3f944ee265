"""Which strengths of regularization are tried, and in which order."""

import math
from collections.abc import Callable
from typing import Any

from tlx.errors import bad_value, unknown_name

__all__ = ["SEARCHES", "best_strength", "strengths"]

SEARCHES = ("binary", "full")


def strengths(low: float = 1e-6, high: float = 1e6, per_decade: int = 8) -> tuple[float, ...]:
    """Strengths evenly spaced on a logarithmic scale, both ends among them, the strongest first.

    Args:
        low: The weakest, > 0.
        high: The strongest, > `low`.
        per_decade: How many to a factor of 10, >= 1.

    Raises:
        ConfigError: An argument is out of its range.

    >>> len(strengths()), [round(strength, 4) for strength in strengths(0.01, 1, 2)]
    (97, [1, 0.3162, 0.1, 0.0316, 0.01])
    """
    if not 0 < low < high < math.inf:
        raise bad_value("low and high", (low, high), "numbers with 0 < low < high")
    if per_decade < 1:
        raise bad_value("per_decade", per_decade, "a whole number >= 1")
    steps = max(1, round(per_decade * math.log10(high / low)))
    between = (low * (high / low) ** (step / steps) for step in range(steps - 1, 0, -1))
    return (high, *between, low)


def best_strength(score: Callable[[int], Any], count: int, stride: int, search: str = "binary") -> int:
    """The place of the greatest score, the first of equal ones.

    `binary` tries every `stride`-th place and then, again and again, both sides of the best so far at half
    the distance (Radford et al. 2021, arXiv 2103.00020, A.3). Where scores rise to one peak and fall from
    it that is the peak of all; elsewhere it is the best of what was tried.

    Args:
        score: Of a place in [0, count), called once for each place that is tried.
        count: How many places there are, >= 1.
        stride: >= 1.
        search: `binary`, or `full`, which tries every place.

    Raises:
        ConfigError: There is no such search.

    >>> tried = []
    >>> best_strength(lambda place: tried.append(place) or -abs(place - 37), 97, 16)
    37
    >>> tried
    [0, 16, 32, 48, 64, 80, 96, 24, 40, 36, 44, 34, 38, 35, 37]
    """
    if search not in SEARCHES:
        raise unknown_name("search", search, SEARCHES)
    if search == "full":
        stride = 1
    scores = {place: score(place) for place in dict.fromkeys((*range(0, count, stride), count - 1))}
    while True:
        greatest = max(scores.values())
        best: int = min(place for place, value in scores.items() if value == greatest)
        if stride == 1:
            return best
        stride = (stride + 1) // 2
        for place in (best - stride, best + stride):
            if 0 <= place < count and place not in scores:
                scores[place] = score(place)
