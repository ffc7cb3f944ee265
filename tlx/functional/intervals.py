"""Intervals: how far a number from few samples, or few seeds, may be off."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from tlx.errors import bad_value

__all__ = ["paired_difference", "subsample_interval", "t_interval", "wilson"]


def wilson(successes: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Wilson's score interval of a share, such as an accuracy.

    .. math:: \frac{\hat p + z^2/2n \pm z \sqrt{\hat p (1 - \hat p)/n + z^2/4n^2}}{1 + z^2/n}

    Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, JASA 1927,
    https://doi.org/10.1080/01621459.1927.10502953; without continuity correction. Unlike
    :math:`\hat p \pm z\,\mathrm{se}` it stays in [0, 1] and has a width at shares of 0 and 1.

    Args:
        successes: How many of the samples count, in [0, n]; a mean of such counts need not be whole.
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
        raise bad_value("successes", successes, f"a number in [0, {n}]")
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


def subsample_interval(
    values: Sequence[float], size: int, count: int, centre: float | None = None, confidence: float = 0.95
) -> tuple[float, float]:
    r"""Interval of an estimate from its values on random subsamples, drawn without replacement.

    .. math:: \hat\theta \pm t_{R-1} \, s \sqrt{\frac{m}{N - m}}

    The jackknife that leaves out N - m of N samples (Shao and Wu, *A General Theory for Jackknife Variance
    Estimation*, Annals of Statistics 1989, https://doi.org/10.1214/aos/1176347263), with
    :math:`s` the standard deviation of R values; unlike a bootstrap it repeats no sample, which would move
    a distance. It covers the expectation of the estimate at this N, whatever bias that has; where a
    statistic degenerates, such as an MMD of equal distributions, it is too wide by :math:`\sqrt{3}` at
    m = N / 2, and by more at a smaller m. Of skewed ones, such as squared distances of 60 samples, it
    covered in 90 to 92 % of simulated cases.

    Args:
        values: R >= 2 of them, each of `size` samples.
        size: m, in [1, count).
        count: N; of two samples the smaller.
        centre: The estimate from all N; by default the mean of the values, whose own spread of
            :math:`s / \sqrt R` is added.
        confidence: In (0, 1).

    Raises:
        ConfigError: There are fewer than two values, or a number is out of its range.

    >>> [round(bound, 4) for bound in subsample_interval([0.1, 0.2, 0.3], 50, 100, centre=0.2)]
    [-0.2303, 0.6303]
    """
    if len(values) < 2:
        raise bad_value("values", values, "at least two values")
    if not 1 <= size < count:
        raise bad_value("size", size, f"a whole number in [1, {count - 1}]: part of the samples")
    level = _upper_level(confidence)
    from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore]  # slow to import

    share = size / (count - size) + (1 / len(values) if centre is None else 0.0)
    middle = fmean(values) if centre is None else centre
    half = float(stdtrit(len(values) - 1, level)) * stdev(values) * math.sqrt(share)
    return middle - half, middle + half


def _upper_level(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise bad_value("confidence", confidence, "a share in (0, 1)", "confidence=0.95")
    return 0.5 + confidence / 2
