"""The samples a network got most wrong."""

import torch
from torch import Tensor
from torchmetrics import Metric

__all__ = ["Worst"]


class Worst(Metric):
    """The `keep` samples of highest score, over all ranks, with some values of each.

    Holds `keep` rows of (score, id, values), never all samples. Equal scores are ordered by id.

    Args:
        width: Values kept of a sample.
        keep: How many samples.
    """

    full_state_update = False
    rows: Tensor

    def __init__(self, width: int, keep: int = 24) -> None:
        super().__init__()
        self.width, self.keep = width, keep
        empty = torch.full((keep, 2 + width), -1.0, dtype=torch.float64)
        self.add_state("rows", empty, dist_reduce_fx=self._worst)

    def update(self, scores: Tensor, ids: Tensor, values: Tensor) -> None:
        """Add a batch.

        Args:
            scores: Shape (B,).
            ids: Shape (B,), the samples' positions in their split, >= 0.
            values: Shape (B, width).
        """
        rows = torch.cat([torch.stack([scores.double(), ids.double()], dim=1), values.double()], dim=1)
        self.rows = self._worst(torch.cat([self.rows, rows]))

    def compute(self) -> list[tuple[float, int, list[float]]]:
        """Score, id and values, worst first."""
        return [(score, int(number), values) for score, number, *values in self.rows.tolist() if number >= 0]

    def _worst(self, rows: Tensor) -> Tensor:
        rows = rows.reshape(-1, 2 + self.width)
        rows = rows[rows[:, 1].argsort()]
        kept = rows[:, 1] >= 0
        by_score = torch.where(kept, rows[:, 0], -torch.inf).argsort(descending=True, stable=True)
        return rows[by_score][: self.keep]
