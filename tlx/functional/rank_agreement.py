"""How well one ranking of models foretells another: transferability scores against fine-tuning."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tlx.errors import bad_value

__all__ = ["Agreement", "RankAgreement", "rank_agreement"]

FEWEST = 5
"""Models from which on an interval is told."""


class Agreement(NamedTuple):
    """A correlation of ranks, and how far other models might have moved it."""

    value: float
    """In [-1, 1]; NaN where all scores, or all outcomes, are equal."""
    low: float | None
    """None of fewer than five models."""
    high: float | None


class RankAgreement(NamedTuple):
    """Three correlations of the same rankings."""

    weighted_tau: Agreement
    """Kendall's, in which exchanges among the best models weigh most."""
    tau: Agreement
    """Kendall's tau-b."""
    spearman: Agreement


def rank_agreement(
    scores: Sequence[float],
    outcomes: Sequence[float],
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> RankAgreement:
    r"""Correlations between the ranks of models by a score and by what became of them.

    Kendall's :math:`\tau_b`, Spearman's :math:`\rho`, and the weighted :math:`\tau` of Vigna, *A weighted
    correlation index for rankings with ties*, 2015, arXiv 1404.3325, additive and hyperbolic, mean over both
    rankings, which papers on transferability report; all from scipy.stats.

    Intervals are percentiles of a bootstrap over models (Efron 1979); resamples in which all scores or all
    outcomes are equal have no correlation and are left out. Of normal pairs with :math:`\tau = .49` nominal
    95 % covered 90 % of 500 draws of 5 models, and 95 to 97 % of 8 to 30. But of models that are in the same
    order in both rankings every resample is in order too: such an interval is the point 1, and not evidence
    of a perfect score.

    Args:
        scores: One for each model, more is better.
        outcomes: Of the same models, such as their accuracy after fine-tuning; more is better.
        confidence: Of the intervals, in (0, 1).
        resamples: Of the bootstrap, >= 100.
        seed: Of its draws, >= 0.

    Raises:
        ConfigError: Lengths differ, there are fewer than two models, a number is not finite, or an
            argument is out of its range.

    >>> found = rank_agreement([0.1, 0.3, 0.2, 0.4], [71.0, 75.0, 76.0, 90.0])
    >>> round(found.weighted_tau.value, 4), round(found.tau.value, 4), round(found.spearman.value, 4)
    (0.7333, 0.6667, 0.8)
    >>> found.tau.low is None
    True
    """
    pairs = _pairs(scores, outcomes)
    if not 0 < confidence < 1:
        raise bad_value("confidence", confidence, "a share in (0, 1)", "confidence=0.95")
    if resamples < 100:
        raise bad_value("resamples", resamples, "a whole number >= 100")
    from scipy import stats  # slow to import

    draws = np.random.default_rng(seed).integers(len(pairs), size=(resamples, len(pairs)))
    measures = (stats.weightedtau, stats.kendalltau, stats.spearmanr)
    return RankAgreement(*(_agreement(measure, pairs, draws, confidence) for measure in measures))


def _pairs(scores: Sequence[float], outcomes: Sequence[float]) -> NDArray[np.float64]:
    """Score and outcome of each model, shape (M, 2)."""
    if len(scores) != len(outcomes) or len(scores) < 2:
        raise bad_value(
            "scores and outcomes", (len(scores), len(outcomes)), "one of each for each of two models or more"
        )
    pairs = np.column_stack([np.asarray(scores, float), np.asarray(outcomes, float)])
    wrong = pairs[~np.isfinite(pairs)]
    if len(wrong):
        raise bad_value("scores or outcomes", float(wrong[0]), "finite numbers", "leave that model out")
    return pairs


def _agreement(
    measure: Callable[..., Any], pairs: NDArray[np.float64], draws: NDArray[np.int64], confidence: float
) -> Agreement:
    value = _correlation(measure, pairs)
    if len(pairs) < FEWEST or np.isnan(value):
        return Agreement(value, None, None)
    resampled = np.array([_correlation(measure, pairs[draw]) for draw in draws])
    low, high = np.nanquantile(resampled, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Agreement(value, float(low), float(high))


def _correlation(measure: Callable[..., Any], pairs: NDArray[np.float64]) -> float:
    """NaN where one of them does not vary, of which some measures of scipy warn."""
    if (pairs == pairs[0]).all(axis=0).any():
        return float("nan")
    return min(1.0, max(-1.0, float(measure(pairs[:, 0], pairs[:, 1]).statistic)))
