"""The samples a network got most wrong."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

__all__ = ["Mistakes"]


class Mistakes(Metric):
    """The `keep` wrong predictions of highest loss, over all ranks.

    Holds `keep` rows of (loss, id, target, predicted, probability), never all samples.

    Args:
        keep: How many.
    """

    full_state_update = False
    rows: Tensor

    def __init__(self, keep: int = 24, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep = keep
        self.add_state("rows", torch.full((keep, 5), -1.0, dtype=torch.float64), dist_reduce_fx=self._worst)

    def update(self, losses: Tensor, ids: Tensor, targets: Tensor, probabilities: Tensor) -> None:
        """Add a batch.

        Args:
            losses: Shape (B,).
            ids: Shape (B,), the samples' positions in their split.
            targets: Shape (B,).
            probabilities: Shape (B, K).
        """
        probability, predicted = probabilities.max(dim=1)
        rows = torch.stack([v.double() for v in (losses, ids, targets, predicted, probability)], dim=1)
        self.rows = self._worst(torch.cat([self.rows, rows[predicted != targets]]))

    def compute(self) -> list[dict[str, Any]]:
        """Worst first: id, target and predicted class index, probability given, loss."""
        return [
            {"loss": loss, "id": int(i), "target": int(t), "predicted": int(p), "probability": q}
            for loss, i, t, p, q in self.rows.tolist()
            if i >= 0
        ]

    def _worst(self, rows: Tensor) -> Tensor:
        rows = rows.reshape(-1, 5)
        by_id = rows[rows[:, 1].argsort()]
        return by_id[by_id[:, 0].argsort(descending=True, stable=True)][: self.keep]
