"""Whether two samples of labels may be of one distribution, and how far they are apart."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlx.errors import bad_value

__all__ = ["LabelShift", "label_shift", "number_shift"]

FEWEST = 5
"""Expected samples in a cell below which the distribution of chi-square is not that of large samples."""

AT_ONCE = 1_000_000
"""Counts of draws that are held at once."""


class LabelShift(NamedTuple):
    """Two samples of labels against each other."""

    distance: float
    """Total variation of the shares, or the greatest distance of the cumulative shares; in [0, 1]."""
    low: float
    high: float
    p: float
    """Of so much where both are draws of one distribution."""
    test: str
    """chi-square, fisher, permutation or kolmogorov-smirnov."""


def label_shift(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> LabelShift:
    r"""Test two rows of counts for homogeneity, with their distance :math:`\tfrac12 \sum_k |p_k - q_k|`.

    Pearson's chi-square, *On the criterion that a given system of deviations ...*, 1900; where a cell is
    expected to hold fewer than five samples, Fisher's exact test of two classes, and of more a permutation
    test of the same statistic: labels are dealt anew to both samples. The interval is the basic one of a
    parametric bootstrap (Davison and Hinkley, *Bootstrap Methods and their Application*, 1997, 5.2), which
    reflects the upward bias of the distance of few samples, so that 0 can lie inside; it is cut to [0, 1].

    Args:
        first: Samples of each class, shape (K,), at least one in all.
        second: The same classes in the other sample, shape (K,).
        confidence: Of the interval, in (0, 1).
        resamples: Of the bootstrap and the permutations, >= 100.
        seed: Of their draws, >= 0.

    Raises:
        ConfigError: Shapes differ, a sample is empty, or an argument is out of its range.

    >>> found = label_shift(np.array([50, 50]), np.array([20, 80]))
    >>> round(found.distance, 4), found.test, round(found.p, 7), found.low < 0.3 < found.high
    (0.3, 'chi-square', 8.7e-06, True)
    >>> round(label_shift(np.array([3, 1]), np.array([1, 3])).p, 4)
    0.4857
    """
    table = np.stack(_checked(first, second, confidence, resamples))
    table = table[:, table.sum(axis=0) > 0]
    sizes, pooled = table.sum(axis=1), table.sum(axis=0)
    draws = np.random.default_rng(seed)
    distance = float(_apart(table[0], table[1]))
    blocks = _blocks(resamples, table.shape[1])
    drawn = np.concatenate(
        [_apart(*(draws.multinomial(sum(row), row / sum(row), block) for row in table)) for block in blocks]
    )
    bounds = np.quantile(drawn, [0.5 + confidence / 2, 0.5 - confidence / 2])
    low, high = (min(1.0, max(0.0, 2 * distance - float(bound))) for bound in bounds)
    expected = np.outer(sizes, pooled) / pooled.sum()
    if table.shape[1] < 2:
        return LabelShift(distance, low, high, 1.0, "chi-square")
    from scipy import stats  # slow to import

    if expected.min() >= FEWEST:
        p = float(stats.chi2_contingency(table, correction=False).pvalue)
        return LabelShift(distance, low, high, p, "chi-square")
    if table.shape[1] == 2:
        return LabelShift(distance, low, high, float(stats.fisher_exact(table)[1]), "fisher")
    found, greater = _surprise(table[0], expected), 0
    for block in blocks:
        dealt = draws.multivariate_hypergeometric(pooled, sizes[0], block, method="marginals")
        greater += int((_surprise(dealt, expected) >= found * (1 - 1e-9)).sum())
    p = (1 + greater) / (resamples + 1)
    return LabelShift(distance, low, high, p, "permutation")


def _blocks(resamples: int, classes: int) -> list[int]:
    """How many draws to hold at once, so that many classes take no more than some tens of megabytes."""
    most = max(1, AT_ONCE // classes)
    return [min(most, resamples - start) for start in range(0, resamples, most)]


def number_shift(
    first: NDArray[Any],
    second: NDArray[Any],
    confidence: float = 0.95,
    resamples: int = 500,
    seed: int = 0,
) -> LabelShift:
    """Kolmogorov and Smirnov's test of two samples of numbers (Smirnov 1939), with the distance of it.

    The interval is a basic bootstrap's, cut to [0, 1].

    Args:
        first: Shape (N,), N >= 1.
        second: Shape (M,), M >= 1.
        confidence: Of the interval, in (0, 1).
        resamples: Of the bootstrap, >= 100.
        seed: Of its draws, >= 0.

    Raises:
        ConfigError: A sample is empty, or an argument is out of its range.

    >>> found = number_shift(np.arange(10.0), np.arange(5.0, 15.0))
    >>> round(found.distance, 4), round(found.p, 4)
    (0.5, 0.1678)
    """
    one, other = (np.sort(np.asarray(each, float).ravel()) for each in (first, second))
    _check_settings(confidence, resamples)
    if not len(one) or not len(other):
        raise bad_value("samples", (len(one), len(other)), "at least one number in each")
    from scipy import stats  # slow to import

    found = stats.ks_2samp(one, other)
    draws = np.random.default_rng(seed)
    values = [
        _between(*(np.sort(draws.choice(each, len(each))) for each in (one, other))) for _ in range(resamples)
    ]
    bounds = np.quantile(values, [0.5 + confidence / 2, 0.5 - confidence / 2])
    distance = float(found.statistic)
    low, high = (min(1.0, max(0.0, 2 * distance - float(bound))) for bound in bounds)
    return LabelShift(distance, low, high, float(found.pvalue), "kolmogorov-smirnov")


def _checked(
    first: NDArray[np.int64], second: NDArray[np.int64], confidence: float, resamples: int
) -> list[NDArray[np.int64]]:
    rows = [np.asarray(each, np.int64) for each in (first, second)]
    if rows[0].ndim != 1 or rows[0].shape != rows[1].shape or min(row.sum() for row in rows) < 1:
        shapes = (rows[0].tolist()[:5], rows[1].tolist()[:5])
        raise bad_value("counts", shapes, "samples of the same classes, at least one in each row")
    if min(row.min() for row in rows) < 0:
        raise bad_value("counts", [int(row.min()) for row in rows], "whole numbers >= 0")
    _check_settings(confidence, resamples)
    return rows


def _check_settings(confidence: float, resamples: int) -> None:
    if not 0 < confidence < 1:
        raise bad_value("confidence", confidence, "a share in (0, 1)", "confidence=0.95")
    if resamples < 100:
        raise bad_value("resamples", resamples, "a whole number >= 100")


def _apart(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = [each / each.sum(axis=-1, keepdims=True) for each in (first, second)]
    apart: NDArray[np.float64] = np.abs(shares[0] - shares[1]).sum(axis=-1) / 2
    return apart


def _surprise(row: NDArray[np.int64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chi-square of a table of two rows whose margins are known, from its first."""
    off: NDArray[np.float64] = (row - expected[0]) ** 2
    total: NDArray[np.float64] = (off / expected[0] + off / expected[1]).sum(axis=-1)
    return total


def _between(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    places = np.concatenate([first, second])
    shares = [np.searchsorted(each, places, side="right") / len(each) for each in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())
