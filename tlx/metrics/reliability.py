"""How far confidence can be trusted: a reliability diagram, gathered batch by batch."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

__all__ = ["Reliability"]


class Reliability(Metric):
    r"""Counts, confidences and hits in equal confidence bins.

    The expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599) is
    :math:`\sum_b \frac{n_b}{N} |\text{acc}_b - \text{conf}_b|`. torchmetrics computes the same
    figure but keeps every sample to the end; this keeps `3 * bins` numbers, whatever N is.

    Args:
        bins: Number of equal bins over (0, 1].
    """

    full_state_update = False
    counts: Tensor
    confidences: Tensor
    hits: Tensor

    def __init__(self, bins: int = 15, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bins = bins
        for name in ("counts", "confidences", "hits"):
            self.add_state(name, torch.zeros(bins, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, probabilities: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            probabilities: Shape (B, K), rows sum to 1.
            targets: Shape (B,).
        """
        confidence, predicted = probabilities.max(dim=1)
        confidence = confidence.double()
        place = (confidence * self.bins).ceil().long().clamp(1, self.bins) - 1
        self.counts.index_add_(0, place, torch.ones_like(confidence))
        self.confidences.index_add_(0, place, confidence)
        self.hits.index_add_(0, place, (predicted == targets).double())

    def compute(self) -> Tensor:
        """The expected calibration error, in [0, 1]; nan without samples."""
        return (self.hits - self.confidences).abs().sum() / self.counts.sum()

    def diagram(self) -> list[dict[str, float | None]]:
        """One row per bin: low, high, count, and mean confidence and accuracy where it has samples."""
        rows: list[dict[str, float | None]] = []
        for b, (n, c, h) in enumerate(
            zip(*(state.tolist() for state in (self.counts, self.confidences, self.hits)), strict=True)
        ):
            rows.append(
                {
                    "low": b / self.bins,
                    "high": (b + 1) / self.bins,
                    "count": int(n),
                    "confidence": c / n if n else None,
                    "accuracy": h / n if n else None,
                }
            )
        return rows
