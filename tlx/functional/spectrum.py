"""The spectrum of a matrix of features, and targets seen along it."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Spectrum", "spectrum"]


class Spectrum(NamedTuple):
    r"""The thin singular value decomposition :math:`F = U \Sigma V^\top`, and targets Y in its terms."""

    values: Tensor
    """Squares of the singular values that are not 0, ascending, shape (R,), float64."""
    coordinates: Tensor
    r""":math:`U^\top Y`, shape (R, K), float64; the sign of a row is arbitrary."""
    residuals: Tensor
    r""":math:`\|y - U U^\top y\|^2` of each column, what no linear map of F reaches, shape (K,), float64."""
    samples: int
    """N, the number of rows."""


def spectrum(features: Tensor, targets: Tensor) -> Spectrum:
    r"""The spectrum of features, and the coordinates of targets in it.

    From one eigendecomposition of the smaller of :math:`F^\top F` and :math:`F F^\top`, in
    :math:`O(N D \min(N, D))`, for all targets at once. Squares of singular values below
    :math:`\max(N, D)\,\epsilon` of the greatest count as 0, which are singular values below about 1e-6 of
    the greatest: single precision knows no more of them. A residual below 1e-12 of its column is 0.

    Args:
        features: F, shape (N, D), float64.
        targets: Y, shape (N, K), float64.

    >>> features = torch.tensor([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]).double()
    >>> found = spectrum(features, torch.ones(3, 1).double())
    >>> found.values.tolist(), found.coordinates.abs().flatten().tolist(), found.residuals.tolist()
    ([4.0, 9.0], [1.0, 1.0], [1.0])
    """
    count, dimensions = features.shape
    wide = count <= dimensions
    gram = features @ features.T if wide else features.T @ features
    values, vectors = torch.linalg.eigh(gram)
    floor = max(count, dimensions) * torch.finfo(torch.float64).eps * values[-1]
    kept = values > floor.clamp_min(torch.finfo(torch.float64).tiny)
    values, vectors = values[kept], vectors[:, kept]
    coordinates = vectors.T @ (targets if wide else features.T @ targets)
    if not wide:
        coordinates /= values.sqrt()[:, None]
    norms = targets.square().sum(dim=0)
    residuals = norms - coordinates.square().sum(dim=0)
    if len(values) == count:
        residuals = torch.zeros_like(norms)
    residuals = residuals.where(residuals > 1e-12 * norms, torch.zeros_like(norms))
    return Spectrum(values, coordinates, residuals, count)
