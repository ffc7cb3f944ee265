"""Sums of columns, gathered batch by batch."""

import torch
from torch import Tensor
from torchmetrics import Metric

__all__ = ["Tally"]


class Tally(Metric):
    """How many rows there were, and the sum of each column, in double precision.

    Args:
        width: Columns.
    """

    full_state_update = False
    count: Tensor
    totals: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("totals", torch.zeros(width, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, rows: Tensor) -> None:
        """Add a batch, shape (B, width)."""
        self.count += len(rows)
        self.totals += rows.double().sum(dim=0)

    def compute(self) -> tuple[int, Tensor]:
        """The number of rows, and the sums, shape (width,)."""
        return int(self.count), self.totals
