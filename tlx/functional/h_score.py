"""H-score: how much of the spread of features, whatever its direction, lies between the classes."""

from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.score_inputs import checked_features, checked_labels, classes
from tlx.functional.spectrum import Spectrum, spectrum

__all__ = ["HScore", "h_score", "regularized_h_score"]


class HScore(NamedTuple):
    """The score, and what to hold it against."""

    score: float
    """In [0, K - 1] for K classes that have samples."""
    chance: float
    """The mean of the score over all orders of the labels: what features that know nothing of them get."""
    rank: int
    """Of the covariance of the features, at most min(N - 1, D)."""
    shrinkage: float
    """Share of a multiple of the identity in the covariance; 0 of `h_score`."""


def h_score(features: Tensor, labels: Tensor) -> HScore:
    r"""The trace of the covariance of class means over that of the features.

    .. math:: \mathrm{tr}\bigl(\mathrm{cov}(f)^{+}\, \mathrm{cov}(E[f | y])\bigr)

    Bao, Li, Huang, Zhang, Zheng, Zamir and Guibas, *An Information-Theoretic Approach to Transferability in
    Task Transfer Learning*, 2019, https://doi.org/10.1109/ICIP.2019.8803726. Both covariances divide by N.
    It is the same for features that any invertible linear map makes of these.

    Of R independent features it is R (K - 1) / (N - 1) by `chance`. **With D >= N - 1 features in general
    position the score is K - 1 whatever they are**: then `chance` is K - 1 too, and nothing was learnt;
    `regularized_h_score` still tells features apart. Directions in which nothing varies are left out, as
    the pseudo-inverse does, without adding their rounding errors.

    Args:
        features: f, shape (N, D).
        labels: y, shape (N,).

    Returns:
        The score, and `chance`.

    Raises:
        ConfigError: Features are not finite, shapes do not fit, or there is but one class.

    >>> found = h_score(torch.tensor([[0.0], [2.0], [1.0], [5.0]]), torch.tensor([0, 0, 1, 1]))
    >>> round(found.score, 6), round(found.chance, 6)
    (0.285714, 0.333333)
    """
    centred, shares = _centred(features, labels)
    spread = centred.square().mean(dim=0).sqrt()
    seen = spectrum(centred / spread.where(spread > 0, torch.ones_like(spread)), shares)
    return _score(seen, torch.ones_like(seen.values), 0.0)


def regularized_h_score(features: Tensor, labels: Tensor) -> HScore:
    r"""The H-score with a covariance of the features that is well-conditioned at any N.

    .. math::
        \mathrm{tr}\bigl(\Sigma_\rho^{-1}\, (1 - \rho)\, \mathrm{cov}(E[f | y])\bigr), \qquad
        \Sigma_\rho = (1 - \rho)\, \mathrm{cov}(f) + \rho\, \tfrac{\mathrm{tr}\,\mathrm{cov}(f)}{D} I

    Ibrahim, Ponomareva and Mazumder, *Newer is not always better: Rethinking transferability metrics, their
    peculiarities, stability and performance*, 2021, arXiv 2110.06893. The shrinkage :math:`\rho` is that of
    Ledoit and Wolf, *A well-conditioned estimator for large-dimensional covariance matrices*, 2004,
    https://doi.org/10.1016/S0047-259X(03)00096-4, as scikit-learn computes it, here from the eigenvalues
    that are there already. Unlike `h_score` it depends on the scale of single features.

    Args:
        features: f, shape (N, D).
        labels: y, shape (N,).

    Returns:
        The score, less than that of `h_score`, and its own `chance`.

    Raises:
        ConfigError: As of `h_score`.

    >>> x = torch.tensor([[0.0, 3.0], [0.1, -3.0], [1.0, 2.0], [1.1, -2.0], [2.0, 0.0], [2.1, 0.1]])
    >>> found = regularized_h_score(x, torch.tensor([0, 0, 1, 1, 2, 2]))
    >>> [round(number, 4) for number in (found.score, found.chance, found.shrinkage)]
    [0.217, 0.3441, 0.4903]
    """
    centred, shares = _centred(features, labels)
    seen = spectrum(centred, shares)
    mean = seen.values.sum() / centred.shape[1]
    shrinkage = _ledoit_wolf(centred, seen.values)
    kept = (1 - shrinkage) * seen.values
    return _score(seen, kept / (kept + shrinkage * mean), shrinkage)


def _centred(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Features minus their mean, and a column of unit length of each class, constant on its samples.

    A feature that varies by less than 1e-12 of its greatest value is constant but for rounding, and 0.
    """
    rows = checked_features(features)
    present, places = classes(checked_labels(labels, len(rows)))
    if len(present) < 2:
        raise bad_value("classes with samples", len(present), "at least 2")
    answers = torch.nn.functional.one_hot(places, len(present)).double()
    centred = rows - rows.mean(dim=0)
    moving = centred.abs().amax(dim=0) > 1e-12 * rows.abs().amax(dim=0)
    return centred * moving, answers / answers.sum(dim=0).sqrt()


def _score(seen: Spectrum, weights: Tensor, shrinkage: float) -> HScore:
    """The squared length of each class's column along each direction, each direction with its weight."""
    score = float((weights[:, None] * seen.coordinates.square()).sum())
    others = seen.coordinates.shape[1] - 1
    chance = float(weights.sum()) * others / (seen.samples - 1)
    return HScore(score, chance, len(weights), shrinkage)


def _ledoit_wolf(centred: Tensor, values: Tensor) -> float:
    """The share of identity that is optimal in the mean square; 0 where the covariance is one already."""
    count, dimensions = centred.shape
    squares = float((values / count).square().sum())
    distance = squares - float((values / count).sum()) ** 2 / dimensions
    error = (float(centred.square().sum(dim=1).square().mean()) - squares) / count
    if distance <= 1e-12 * squares:
        return 0.0
    return min(1.0, max(0.0, error / distance))
