"""Heads of earlier runs, kept side by side: what a backbone is still asked about."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["KnownHead", "KnownHeads"]


class KnownHead(NamedTuple):
    """What an earlier run told apart."""

    recipe: Mapping[str, Any]  # builds the head again, given `in_features` and `classes`
    classes: tuple[str, ...]


class KnownHeads(nn.Module):
    """Maps what a backbone's `net` gives to the logits of all heads, one after the other, (B, sum of K).

    A softmax runs over the classes of one head: they were trained apart, and their logits have no
    common scale.

    Args:
        pool: Maps what `net` gives to features (B, D); the backbone's own, without weights.
        heads: Each maps features to logits of its classes; at least one, the newest last.
    """

    def __init__(self, pool: nn.Module, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.pool = pool
        self.heads = nn.ModuleList(heads)

    @property
    def newest(self) -> nn.Module:
        """The head of the run that was the last one."""
        return self.heads[-1]

    def forward(self, trunk: Any) -> Tensor:
        """Logits of all heads, from what `net` gave."""
        return self.of_features(self.pool(trunk))

    def of_features(self, features: Tensor) -> Tensor:
        """The same, from features, (B, D)."""
        return torch.cat([head(features) for head in self.heads], 1)

    def beside(self, features: Tensor, newest: Tensor) -> Tensor:
        """The same, where another network stands for the newest head and gave `newest`, (B, K)."""
        return torch.cat([*(head(features) for head in self.heads[:-1]), newest], 1)
