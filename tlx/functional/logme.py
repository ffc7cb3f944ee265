"""LogME: how well a linear model on features could explain the targets, averaged over all such models."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.score_inputs import checked_features, checked_labels, classes
from tlx.functional.spectrum import Spectrum, spectrum

__all__ = ["LogME", "log_evidence", "logme"]

LOWEST, HIGHEST, STEP = -10.0 * math.log(10), 8.0 * math.log(10), 0.5
"""Where alpha / beta is looked for: logarithms of its ratio to the greatest square of a singular value."""
FLAT = 1e-6
"""The greatest slope of the evidence per sample, over the logarithm of alpha / beta, at its maximum."""


class LogME(NamedTuple):
    """The score, and what it is the mean of."""

    score: float
    """The mean of `evidences`; comparable between features of the same samples and targets."""
    evidences: Tensor
    """Logarithm of the evidence of each column, per sample, shape (K,), float64."""
    alphas: Tensor
    """Precision of the weights of each column, shape (K,), float64."""
    betas: Tensor
    """Precision of the noise of each column, shape (K,), float64."""
    converged: Tensor
    """Whether the evidence has its maximum there, and does not go on rising, shape (K,), bool."""
    columns: Tensor
    """The class, or the column of `targets`, that each of the K stands for, int64."""


def logme(features: Tensor, targets: Tensor) -> LogME:
    r"""The greatest log evidence of a linear model of the targets, mean over columns, per sample.

    .. math::
        L(\alpha, \beta) = \tfrac D2 \ln \alpha + \tfrac N2 \ln \beta
        - \tfrac12 \ln |\alpha I + \beta F^\top F| - \tfrac \beta2 \|F m - y\|^2
        - \tfrac \alpha2 m^\top m - \tfrac N2 \ln 2 \pi, \quad
        m = \beta (\alpha I + \beta F^\top F)^{-1} F^\top y

    You, Liu, Wang and Long, *LogME: Practical Assessment of Pre-trained Models for Transfer Learning*,
    2021, arXiv 2102.11005: of classes y is 1 for samples of one and 0 for others. Features are taken as
    they are, neither centred nor with a column of ones; a common factor of them changes nothing.

    It is computed as :math:`\ln N(y; 0, \beta^{-1} I + \alpha^{-1} F F^\top)`, which is the same and holds
    for N < D, where the authors' code leaves out :math:`(D - N) \ln \alpha`. They iterate
    :math:`\alpha = \gamma / m^\top m, \beta = (N - \gamma) / \|F m - y\|^2` at most 11 times; here, for each
    ratio :math:`\alpha / \beta`, the best :math:`\alpha` is known in closed form, and the ratio is found by
    a search from 1e-10 to 1e8 of the greatest eigenvalue of :math:`F^\top F`, and bisection. The fixed
    points are the same; where there are several, this is the greatest.

    Args:
        features: F, shape (N, D).
        targets: Classes, whole numbers, shape (N,); or numbers, shape (N,) or (N, K), of any scale.
            Classes without a sample, and columns that do not vary, have no evidence: they are left
            out of the mean, and `columns` names the others.

    Returns:
        `converged` is false of a column that a linear map of the features fits without error although
        it need not (N > rank of F): its evidence has no bound.

    Raises:
        ConfigError: Features are not finite, shapes do not fit, or no column varies.

    >>> x = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.2, 2.0]])
    >>> round(logme(x, torch.tensor([0, 0, 1, 1])).score, 4)
    -0.8186
    >>> round(logme(x, torch.tensor([0, 1, 0, 1])).score, 4)
    -0.9938
    """
    rows = checked_features(features)
    wanted, columns = _columns(targets, len(rows))
    seen = spectrum(rows, wanted)
    ratios = _best_ratios(seen)
    alphas, betas = _precisions(seen, ratios)
    evidences = _evidences(seen, alphas, betas)
    converged = _slopes(seen, ratios).abs() < FLAT
    return LogME(float(evidences.mean()), evidences, alphas, betas, converged, columns)


def log_evidence(features: Tensor, targets: Tensor, alpha: float, beta: float) -> Tensor:
    r"""The log evidence of given precisions, per sample: :math:`L(\alpha, \beta) / N` of `logme`.

    Args:
        features: F, shape (N, D).
        targets: As of `logme`.
        alpha: Precision of the weights, > 0.
        beta: Precision of the noise, > 0.

    Returns:
        Of each column that varies, shape (K,), float64.

    Raises:
        ConfigError: As of `logme`, or a precision is not above 0.

    >>> log_evidence(torch.tensor([[1.0], [0.0]]), torch.tensor([1.0, 2.0]), alpha=1.0, beta=1.0)
    tensor([-2.2172], dtype=torch.float64)
    """
    for name, value in (("alpha", alpha), ("beta", beta)):
        if not 0 < value < math.inf:
            raise bad_value(name, value, "a number > 0")
    rows = checked_features(features)
    seen = spectrum(rows, _columns(targets, len(rows))[0])
    return _evidences(seen, *(torch.full_like(seen.residuals, value) for value in (alpha, beta)))


def _columns(targets: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Targets y that vary, shape (N, K), float64, and which class or column each is."""
    if targets.is_floating_point():
        shaped = targets[:, None] if targets.ndim == 1 else targets
        every = checked_features(shaped, "targets")
        if len(every) != count:
            raise bad_value("targets of shape", tuple(targets.shape), f"a row for each of {count} samples")
        columns = torch.arange(every.shape[1], device=every.device)
    else:
        columns, places = classes(checked_labels(targets, count, "targets"))
        every = torch.nn.functional.one_hot(places, len(columns)).double()
    varies = every.amin(dim=0) < every.amax(dim=0)
    if not bool(varies.any()):
        raise bad_value("targets that vary", 0, "at least two classes, or numbers that differ")
    return every[:, varies], columns[varies]


def _best_ratios(seen: Spectrum) -> Tensor:
    """The ratio alpha / beta of the greatest evidence of each column, shape (K,)."""
    start = seen.values[-1].log() if len(seen.values) else seen.residuals.new_zeros(())
    steps = torch.arange(LOWEST, HIGHEST, STEP, dtype=torch.float64, device=start.device) + start
    ratios = steps.exp()[:, None].expand(-1, len(seen.residuals))
    found = torch.stack([_evidences(seen, *_precisions(seen, row)) for row in ratios])
    best = steps[found.argmax(dim=0)]
    low, high = (best - STEP).clamp_min(steps[0]), (best + STEP).clamp_max(steps[-1])
    for _ in range(50):
        middle = (low + high) / 2
        rising = _slopes(seen, middle.exp()) > 0
        low, high = middle.where(rising, low), high.where(rising, middle)
    return ((low + high) / 2).exp()


def _precisions(seen: Spectrum, ratios: Tensor) -> tuple[Tensor, Tensor]:
    """The best alpha, and beta, of given alpha / beta: N / alpha = y^T (F F^T + ratio I)^-1 y."""
    fitted = (seen.coordinates.square() / (seen.values[:, None] + ratios)).sum(dim=0)
    alphas = seen.samples / (fitted + seen.residuals / ratios)
    return alphas, alphas / ratios


def _evidences(seen: Spectrum, alphas: Tensor, betas: Tensor) -> Tensor:
    """Per sample, the logarithm of the density of y under N(0, I / beta + F F^T / alpha), shape (K,)."""
    variances = 1 / betas + seen.values[:, None] / alphas
    distance = (seen.coordinates.square() / variances).sum(dim=0) + betas * seen.residuals
    volume = variances.log().sum(dim=0) - (seen.samples - len(seen.values)) * betas.log()
    return -0.5 * ((distance + volume) / seen.samples + math.log(2 * math.pi))


def _slopes(seen: Spectrum, ratios: Tensor) -> Tensor:
    """The derivative of the best evidence over the logarithm of alpha / beta, per sample, shape (K,)."""
    shares = ratios / (seen.values[:, None] + ratios)
    fits = seen.coordinates.square() * shares
    whole = fits.sum(dim=0) + seen.residuals
    noise = (fits * shares).sum(dim=0) + seen.residuals
    return 0.5 * (noise / whole - (shares.sum(dim=0) + seen.samples - len(seen.values)) / seen.samples)
