"""What a range of rates says: losses smoothed, and the rate that lowers them fastest."""

import math
from collections.abc import Sequence
from itertools import pairwise

from tlx.errors import bad_value

__all__ = ["diverged", "range_of_factors", "smoothed", "steepest"]

DIVERGED = 4.0
"""A smoothed loss so many times the least one so far has diverged."""


def range_of_factors(low: float, high: float, steps: int) -> list[float]:
    """Factors from `low` to `high`, each the same multiple of the one before.

    >>> [round(factor, 6) for factor in range_of_factors(0.01, 1.0, 3)]
    [0.01, 0.1, 1.0]

    Args:
        low: > 0.
        high: > low.
        steps: >= 2.

    Raises:
        ConfigError: A value is out of its range.
    """
    if not 0 < low < high < math.inf:
        raise bad_value("low, high", (low, high), "two numbers, 0 < low < high")
    if steps < 2:
        raise bad_value("steps", steps, "a whole number >= 2")
    return [low * (high / low) ** (step / (steps - 1)) for step in range(steps)]


def smoothed(losses: Sequence[float], momentum: float = 0.9) -> list[float]:
    r"""Exponential mean without its bias to 0.

    :math:`s_t = (1 - m) \sum_{i \le t} m^{t-i} \ell_i / (1 - m^t)`.

    >>> [round(value, 4) for value in smoothed([1.0, 2.0], momentum=0.5)]
    [1.0, 1.6667]

    Args:
        losses: After each step.
        momentum: m, in [0, 1).
    """
    found, mean = [], 0.0
    for step, loss in enumerate(losses, 1):
        mean = momentum * mean + (1 - momentum) * loss
        found.append(mean / (1 - momentum**step))
    return found


def diverged(losses: Sequence[float]) -> bool:
    """Whether the last smoothed loss is no number, or many times the least one.

    >>> diverged([1.0, 0.5, 2.1]), diverged([1.0, 0.5, 0.9]), diverged([float("nan")])
    (True, False, True)
    """
    return not math.isfinite(losses[-1]) or losses[-1] > DIVERGED * min(losses)


def steepest(factors: Sequence[float], losses: Sequence[float]) -> float | None:
    """The factor at which the loss falls fastest over the log of the factor, before its least value.

    Smith 2017, arXiv 1506.01186, reads the range off a curve by eye; this is the rule of Lightning and of
    fastai's `steep`.

    >>> steepest([1.0, 10.0, 100.0, 1000.0], [3.0, 2.9, 1.0, 5.0])
    31.622776601683793

    Args:
        factors: Rising.
        losses: The smoothed loss at each.

    Returns:
        The middle, in log, of the steepest step; None where the loss never falls.
    """
    least = min(range(len(losses)), key=lambda place: losses[place])
    steps = list(pairwise(zip(factors[: least + 1], losses[: least + 1], strict=True)))
    if not steps:
        return None
    (low, _), (high, _) = min(steps, key=lambda s: (s[1][1] - s[0][1]) / math.log(s[1][0] / s[0][0]))
    return math.sqrt(low * high)
