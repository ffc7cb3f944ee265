"""Paired ratios and their interval: pure functions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

__all__ = ["Ratio", "paired", "speed"]


@dataclass(frozen=True)
class Ratio:
    """How many times as long one row takes as another.

    Args:
        mean: Geometric mean over the repetitions.
        low: Lower end of the 95 % interval; NaN of a single repetition.
        high: Its upper end.
        pairs: Repetitions that both rows have.
    """

    mean: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        if self.pairs == 1:
            return f"{self.mean:.2f}"
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def paired(above: Mapping[int, float], below: Mapping[int, float]) -> Ratio | None:
    """The ratio of two rows, repetition by repetition.

    >>> paired({0: 8.0, 1: 9.0}, {0: 2.0}), paired({0: 8.0}, {1: 2.0})
    (Ratio(mean=4.0, low=nan, high=nan, pairs=1), None)

    Args:
        above: Seconds by repetition, > 0.
        below: The same of the row that divides.

    Returns:
        Geometric mean and, by Student's t on the logarithms, the interval; None where no repetition
        has both.
    """
    shared = sorted(above.keys() & below.keys())
    if not shared:
        return None
    logs = [math.log(above[n] / below[n]) for n in shared]
    mean = sum(logs) / len(logs)
    half = _half_width(logs, mean)
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half), len(logs))


def speed(ratio: Ratio | None, goal: float) -> str:
    """Of a goal of speed: an interval that reaches below it shows it of the mean alone.

    >>> found = paired({0: 8.0, 1: 9.0}, {0: 2.0, 1: 2.0})
    >>> speed(found, 1), speed(found, 4), speed(found, 5)
    ('reached', 'the mean reaches it', 'missed')

    Args:
        ratio: How many times as long the other way takes; None: no repetition has both.
        goal: The least that it shall be.
    """
    if ratio is None or ratio.mean < goal:
        return "missed"
    return "reached" if ratio.low >= goal else "the mean reaches it"


def _half_width(values: Sequence[float], mean: float) -> float:
    count = len(values)
    if count < 2:
        return math.nan
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    return float(stats.t.ppf(0.975, count - 1)) * deviation / math.sqrt(count)
