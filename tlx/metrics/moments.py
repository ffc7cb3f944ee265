"""Mean and covariance of features, gathered batch by batch."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

__all__ = ["FeatureMoments"]


class FeatureMoments(Metric):
    r"""Mean :math:`\mu` and covariance :math:`\frac{1}{N-1} \sum_i (x_i - \mu)(x_i - \mu)^\top`.

    Sums are in double precision: features of a mean a thousand times their spread still keep
    ten digits of the covariance. Holds `D * D + D + 1` doubles (34 MB at D = 2048).

    Args:
        dimensions: D.
    """

    full_state_update = False
    count: Tensor
    total: Tensor
    outer: Tensor

    def __init__(self, dimensions: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        zeros = {"count": (), "total": (dimensions,), "outer": (dimensions, dimensions)}
        for name, shape in zeros.items():
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor) -> None:
        """Add a batch.

        Args:
            features: Shape (B, D).
        """
        rows = features.double()
        self.count += len(rows)
        self.total += rows.sum(dim=0)
        self.outer += rows.T @ rows

    def compute(self) -> dict[str, Tensor]:
        """`mean`, shape (D,), `covariance`, shape (D, D), nan below two samples, and `count`, a scalar."""
        mean = self.total / self.count
        covariance = (self.outer - self.count * torch.outer(mean, mean)) / (self.count - 1)
        return {"mean": mean, "covariance": covariance, "count": self.count}
