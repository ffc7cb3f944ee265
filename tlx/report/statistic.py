"""A figure over several jobs: its mean and how far it spreads."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from tlx.functional.intervals import t_interval

__all__ = ["COLUMNS", "Statistic", "columns", "statistic"]

COLUMNS = ("mean", "std", "low", "high", "min", "max")
"""Of a statistic in a table."""


@dataclass(frozen=True)
class Statistic:
    """One figure over the jobs of a combination.

    Args:
        values: Of each job, in the order of the seeds.
        mean: Their mean.
        std: Their standard deviation, with n - 1; None for one job.
        interval: Student's 95 % interval of the mean, cut to what the figure can be; None for one job.
    """

    values: tuple[float, ...]
    mean: float
    std: float | None
    interval: tuple[float, float] | None

    @property
    def n(self) -> int:
        """How many jobs have the figure."""
        return len(self.values)


def statistic(values: Sequence[float], least: float, most: float) -> Statistic:
    """The mean of a figure and its spread.

    >>> statistic([0.5, 0.7], 0.0, 1.0).mean, statistic([0.5, 0.7], 0.0, 1.0).interval
    (0.6, (0.0, 1.0))

    Args:
        values: Of the jobs, one at least.
        least: That the figure can be.
        most: The same.
    """
    interval = t_interval(values)
    if interval is not None:
        interval = max(interval[0], least), min(interval[1], most)
    return Statistic(tuple(values), fmean(values), stdev(values) if len(values) > 1 else None, interval)


def columns(found: Statistic | None) -> list[str]:
    """The values of `COLUMNS` by repr, empty where there are none."""
    if found is None:
        return [""] * len(COLUMNS)
    low, high = found.interval or (None, None)
    numbers = (found.mean, found.std, low, high, min(found.values), max(found.values))
    return ["" if number is None else repr(number) for number in numbers]
