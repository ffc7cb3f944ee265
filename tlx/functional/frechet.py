r"""How far two domains are apart as Gaussians: the Frechet distance.

.. math:: d^2 = \|\mu_1 - \mu_2\|^2 + \mathrm{tr}\,\Sigma_1 + \mathrm{tr}\,\Sigma_2
          - 2 \, \mathrm{tr} (\Sigma_1 \Sigma_2)^{1/2}

Dowson and Landau 1982, https://doi.org/10.1016/0047-259X(82)90077-X; of Inception features it is the FID of
Heusel et al. 2017, https://arxiv.org/abs/1706.08500. No root of a matrix is taken: with
:math:`\Sigma_i = R_i^\top R_i` the last trace is the sum of the singular values of :math:`R_1 R_2^\top`, and
also that of the roots of the eigenvalues of the symmetric :math:`L_1^\top \Sigma_2 L_1`,
:math:`\Sigma_1 = L_1 L_1^\top`. The latter takes a quarter of the time but halves the digits of small
eigenvalues; it counts where what this may cost is below `DOUBT` of the distance.
"""

import math

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.gaussian import Gaussian, cholesky, gaussian_of_features

__all__ = ["WELL_ABOVE", "frechet_distance", "frechet_warning"]

DOUBT = 1e-9
"""Relative; the true error was at most a twentieth of the doubt on covariances made to break it."""
BLOCK = 192
"""Columns at once of a product with a triangular matrix."""
WELL_ABOVE = 10
"""Samples per dimension from which on the bias is below 5 % of the variance."""


def frechet_distance(source: Tensor | Gaussian, target: Tensor | Gaussian) -> float:
    """The squared Frechet distance (Wasserstein-2) of two domains as Gaussians, the convention of the FID.

    In double precision. Of N <= D samples no covariance is formed: N x D rows are enough, and exact.
    It is biased upwards at small N, for any two samples; see `frechet_warning`, and compare with halves of
    one domain at the same N.

    >>> from tlx.functional.gaussian import gaussian_of_moments
    >>> first = gaussian_of_moments(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 4.0]).diag())
    >>> second = gaussian_of_moments(torch.tensor([1.0, 2.0]), torch.tensor([9.0, 1.0]).diag())
    >>> round(frechet_distance(first, second), 9)  # 1 + 4 + (1 - 3)^2 + (2 - 1)^2
    10.0

    Args:
        source: Features, shape (N, D), N >= 2; or their moments.
        target: Features, shape (M, D), M >= 2; or their moments.

    Returns:
        A number >= 0.

    Raises:
        ConfigError: The shapes do not fit.
        NumericalError: A value is not finite.
    """
    first = source if isinstance(source, Gaussian) else gaussian_of_features(source)
    second = target if isinstance(target, Gaussian) else gaussian_of_features(target)
    if first.mean.shape != second.mean.shape:
        sizes = (len(first.mean), len(second.mean))
        raise bad_value("dimensions of source and target", sizes, "the same number")
    spreads = first.variance(), second.variance()
    apart = float((first.mean - second.mean).square().sum() + spreads[0].sum() + spreads[1].sum())
    if first.covariance is not None and second.covariance is not None:
        varied = (spreads[0] > 0) & (spreads[1] > 0)  # a constant dimension adds nothing to the last trace
        fast, doubt = _by_eigenvalues(_part(first.covariance, varied), _part(second.covariance, varied))
        if 2 * doubt <= DOUBT * (apart - 2 * fast):
            return apart - 2 * fast
    shared = float(torch.linalg.svdvals(first.root() @ second.root().T).sum())
    return max(apart - 2 * shared, 0.0)


def frechet_warning(dimensions: int, count: int) -> str | None:
    """What there is to say of a Frechet distance of so many samples, if anything.

    Two samples of N of one isotropic Gaussian are about D / 2N of its variance apart.

    >>> frechet_warning(64, 640)
    >>> frechet_warning(64, 320)
    '320 samples of 64 dimensions: up to about 10 % of the variance counts as distance though nothing differs'

    Args:
        dimensions: D, >= 1.
        count: N, samples of the smaller domain.
    """
    if count <= dimensions:
        return (
            f"{count} samples of {dimensions} dimensions: the covariance is singular, and much or most of "
            "the Frechet distance is bias; KID and MMD have none"
        )
    if count < WELL_ABOVE * dimensions:
        return (
            f"{count} samples of {dimensions} dimensions: up to about {50 * dimensions / count:.2g} % of the "
            "variance counts as distance though nothing differs"
        )
    return None


def _part(covariance: Tensor, kept: Tensor) -> Tensor:
    return covariance if bool(kept.all()) else covariance[kept][:, kept]


def _by_eigenvalues(first: Tensor, second: Tensor) -> tuple[float, float]:
    """The trace of the root of the product, and how far rounding may have moved it."""
    lower = cholesky(first) if len(first) else None
    if lower is None:
        return 0.0, math.inf
    values = torch.linalg.eigvalsh(_sandwiched(lower, second)).clamp(min=0)
    roots, moved = values.sqrt(), values[-1] * torch.finfo(values.dtype).eps
    return float(roots.sum()), float((moved / (roots + moved.sqrt())).sum())


def _sandwiched(lower: Tensor, middle: Tensor) -> Tensor:
    r"""The lower triangle of :math:`L^\top S L` by a quarter of the work: no block of zeros is multiplied."""
    right, product = torch.zeros_like(middle), torch.zeros_like(middle)
    for start in range(0, len(lower), BLOCK):
        stop = start + BLOCK
        columns = lower[start:, start:stop]
        right[start:, start:stop] = middle[start:, start:] @ columns
        product[start:stop, :stop] = columns.T @ right[start:, :stop]
    return product
