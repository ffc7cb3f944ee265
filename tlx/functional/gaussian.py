"""A domain as a Gaussian: the mean and the covariance of its features."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tlx.errors import NumericalError, bad_value
from tlx.functional.feature_pair import feature_rows

__all__ = ["Gaussian", "cholesky", "gaussian_of_features", "gaussian_of_moments", "gaussian_rows"]

TOLERANCE = 1e-4
"""Relative, of asymmetry and negative eigenvalues: single precision passes, what is no covariance not."""


@dataclass(frozen=True, eq=False)
class Gaussian:
    r"""Mean and covariance; of few samples the covariance stands as :math:`R^\top R` and is never formed.

    Args:
        mean: Shape (D,), float64.
        covariance: Shape (D, D), float64, symmetric; None: given by `rows`.
        rows: R, the centred samples over :math:`\sqrt{N - 1}`, shape (N, D) with N <= D, float64.
        count: The samples it was made of, where that is known.
    """

    mean: Tensor
    covariance: Tensor | None
    rows: Tensor | None = None
    count: int | None = None

    def variance(self) -> Tensor:
        """Of each dimension, shape (D,)."""
        if self.covariance is not None:
            return self.covariance.diagonal()
        return self.root().square().sum(dim=0)

    def root(self) -> Tensor:
        r"""Any R of shape (rank, D) with :math:`R^\top R` the covariance."""
        if self.rows is not None:
            return self.rows
        if self.covariance is None:
            raise bad_value("covariance", None, "a covariance or the rows it is made of")
        lower = cholesky(self.covariance)
        return lower.T if lower is not None else _singular_root(self.covariance, self.count)


def gaussian_of_features(features: Tensor) -> Gaussian:
    """The Gaussian with the mean and the covariance, over N - 1, of samples.

    >>> found = gaussian_of_features(torch.tensor([[0.0], [2.0]]))
    >>> found.mean.tolist(), found.covariance.tolist()
    ([1.0], [[2.0]])

    Args:
        features: Shape (N, D), N >= 2.

    Raises:
        ConfigError: Another shape, or fewer samples.
        NumericalError: A value is not finite.
    """
    exact = feature_rows(features)
    mean, count = exact.mean(dim=0), len(exact)
    rows = (exact - mean) / (count - 1) ** 0.5
    if count <= exact.shape[1]:
        return Gaussian(mean, None, rows, count)
    return Gaussian(mean, rows.T @ rows, None, count)


def gaussian_of_moments(mean: Tensor, covariance: Tensor, count: int | None = None) -> Gaussian:
    """The Gaussian of a mean and a covariance that were gathered elsewhere.

    Args:
        mean: Shape (D,).
        covariance: Shape (D, D).
        count: Of how many samples. Of N <= D samples the covariance has rank N - 1, and what rounding
            adds beyond that is left out.

    Raises:
        ConfigError: The shapes do not fit, it is not symmetric, or `count` is below 2.
        NumericalError: A value is not finite.
    """
    size = len(mean) if mean.ndim == 1 else 0
    if covariance.shape != (size, size) or not size:
        given = (tuple(mean.shape), tuple(covariance.shape))
        raise bad_value("shapes of mean and covariance", given, "(D,) and (D, D)")
    if count is not None and count < 2:
        raise bad_value("count", count, "a whole number >= 2; one sample has no covariance")
    exact = covariance.detach().double()
    weights = torch.linspace(1, 2, size, dtype=exact.dtype, device=exact.device)
    across, down = exact @ weights, weights @ exact  # cheaper than comparing every element
    if not (across.isfinite().all() and mean.isfinite().all()):
        raise NumericalError("a mean or covariance is not finite", fix="features of more than one sample")
    if float((across - down).norm()) > TOLERANCE * float(exact.diagonal().norm()):
        raise bad_value("covariance", "one that differs from its transpose", "a symmetric matrix")
    return Gaussian(mean.detach().double(), exact, None, count)


def gaussian_rows(gaussian: Gaussian, count: int, seed: int = 0) -> Tensor:
    """Samples of a Gaussian: a stand-in for a domain of which only the moments are left.

    What a distance makes of N samples depends on N; so many drawn samples stand beside N real ones.

    Args:
        gaussian: The domain.
        count: How many samples.
        seed: Chooses them.

    Returns:
        Shape (count, D), float64.
    """
    root = gaussian.root()
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(count, len(root), generator=generator, dtype=torch.float64)
    return gaussian.mean + normal.to(root.device) @ root


def cholesky(covariance: Tensor) -> Tensor | None:
    r"""The lower factor L, :math:`L L^\top` the covariance; None where that is singular but for rounding.

    >>> cholesky(torch.tensor([[4.0]]).double()).item(), cholesky(torch.ones(2, 2).double())
    (2.0, None)
    """
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if bool(failed):
        return None
    pivots = lower.diagonal().square()
    least = len(pivots) * torch.finfo(pivots.dtype).eps
    return lower if bool(pivots.min() > least * pivots.max()) else None


def _singular_root(covariance: Tensor, count: int | None) -> Tensor:
    """By its eigenvectors, without those that only rounding gives a length."""
    values, vectors = torch.linalg.eigh(covariance)
    greatest, least = float(values[-1]), float(values[0])
    if least < -TOLERANCE * max(greatest, 0.0):
        raise bad_value("covariance", f"with an eigenvalue of {least:g}", "a matrix without negative ones")
    kept = values > len(values) * torch.finfo(values.dtype).eps * greatest
    if count is not None and count <= len(values):
        kept[: len(values) - count + 1] = False
    root: Tensor = (vectors[:, kept] * values[kept].sqrt()).T
    return root
