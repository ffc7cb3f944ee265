"""Intervals: how far a number from few samples, or few seeds, may be off."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from tlx.errors import bad_value

__all__ = ["paired_difference", "t_interval", "wilson"]


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Wilson's score interval of a share, such as an accuracy.

    .. math:: \frac{\hat p + z^2/2n \pm z \sqrt{\hat p (1 - \hat p)/n + z^2/4n^2}}{1 + z^2/n}

    Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, JASA 1927,
    https://doi.org/10.1080/01621459.1927.10502953; without continuity correction. Unlike
    :math:`\hat p \pm z\,\mathrm{se}` it stays in [0, 1] and has a width at shares of 0 and 1.

    Args:
        successes: How many of the samples count, in [0, n].
        n: The number of samples; 0 gives (0, 1), for nothing is known.
        confidence: In (0, 1).

    Raises:
        ConfigError: A count or the confidence is out of its range.

    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if n < 0:
        raise bad_value("n", n, "a whole number >= 0")
    if not 0 <= successes <= n:
        raise bad_value("successes", successes, f"a whole number in [0, {n}]")
    z = NormalDist().inv_cdf(_upper_level(confidence))
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == n else (centre + spread) / scale
    return low, high


def paired_difference(lost: int, won: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Interval of the difference of two shares on the same samples, such as an accuracy before and after.

    .. math:: \frac{b - c}{n + 2} \pm \frac{z}{n + 2} \sqrt{b + c + 1 - (b - c)^2 / (n + 2)}

    b samples are counted by the first share alone and c by the second alone, half a sample added to each
    of the four cells (Agresti and Min, *Simple improved confidence intervals for comparing matched
    proportions*, Statistics in Medicine 2005), so that it has a width where nothing differs.

    Args:
        lost: b, >= 0.
        won: c, >= 0.
        n: The number of samples, >= b + c.
        confidence: In (0, 1).

    Raises:
        ConfigError: A count or the confidence is out of its range.

    >>> [round(bound, 4) for bound in paired_difference(16, 4, 100)]
    [0.0326, 0.2027]
    """
    if min(lost, won) < 0 or lost + won > n:
        raise bad_value("lost + won", lost + won, f"whole numbers from 0, and at most {n} together")
    z = NormalDist().inv_cdf(_upper_level(confidence))
    size, moved = n + 2, lost - won
    spread = z * math.sqrt(lost + won + 1 - moved * moved / size) / size
    return max(-1.0, moved / size - spread), min(1.0, moved / size + spread)


def t_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    r"""Student's interval of the mean of independent values, such as one result per seed.

    .. math:: \bar x \pm t_{n-1} \, s / \sqrt n

    Student, *The Probable Error of a Mean*, Biometrika 1908. :math:`s` is the sample standard
    deviation, with n - 1 in the denominator.

    Args:
        values: At least one value.
        confidence: In (0, 1).

    Returns:
        The bounds; None for a single value, which has no spread to judge by.

    Raises:
        ConfigError: There is no value, or the confidence is out of its range.

    >>> [round(bound, 4) for bound in t_interval([0.90, 0.92, 0.94])]
    [0.8703, 0.9697]
    >>> t_interval([0.9]) is None
    True
    """
    if not values:
        raise bad_value("values", values, "at least one value")
    level = _upper_level(confidence)
    if len(values) == 1:
        return None
    from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore]  # slow to import

    mean = fmean(values)
    half = float(stdtrit(len(values) - 1, level)) * stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def _upper_level(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise bad_value("confidence", confidence, "a share in (0, 1)", "confidence=0.95")
    return 0.5 + confidence / 2
