"""How often which prediction meets which target: a histogram in two dimensions."""

import torch
from torch import Tensor
from torchmetrics import Metric

__all__ = ["Density"]


class Density(Metric):
    """Counts of (target, prediction) in equal cells over the targets' range, for each of R numbers.

    Predictions out of the range count in the outermost cells. Holds R * cells * cells counts.

    Args:
        low: Least target, shape (R,).
        high: Greatest target, shape (R,).
        cells: Along each side.
    """

    full_state_update = False
    low: Tensor
    high: Tensor
    counts: Tensor

    def __init__(self, low: Tensor, high: Tensor, cells: int = 40) -> None:
        super().__init__()
        self.cells = cells
        self.register_buffer("low", low.double(), persistent=False)
        self.register_buffer("high", high.double(), persistent=False)
        zeros = torch.zeros(len(low), cells, cells, dtype=torch.int64)
        self.add_state("counts", zeros, dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Add a batch of predictions (B, R) and targets (B, R)."""
        width = (self.high - self.low).clamp(min=torch.finfo(torch.float64).tiny)
        places = [
            ((values.double() - self.low) / width * self.cells).long().clamp(0, self.cells - 1)
            for values in (targets, outputs)
        ]
        flat = places[0] * self.cells + places[1]
        for number in range(len(self.low)):
            found = torch.bincount(flat[:, number], minlength=self.cells**2)
            self.counts[number] += found.view(self.cells, self.cells)

    def compute(self) -> Tensor:
        """Counts, shape (R, cells of the target, cells of the prediction)."""
        return self.counts
