"""Classes in groups of their own: each sample is told apart from those of its group alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["within_groups"]


def within_groups(logits: Tensor, targets: Tensor, sizes: Sequence[int]) -> Tensor:
    """Logits with minus infinity at the classes outside each sample's group, (B, K).

    A softmax over them, their cross-entropy and the first choice among them are those within the group;
    the others get no gradient.

    Args:
        logits: (B, K), the groups side by side.
        targets: The class of each sample, (B,), int64.
        sizes: Of the groups, >= 1; K in all.

    >>> logits = torch.tensor([[1.0, 2.0, 9.0], [1.0, 2.0, 9.0]])
    >>> within_groups(logits, torch.tensor([0, 2]), (2, 1)).tolist()
    [[1.0, 2.0, -inf], [-inf, -inf, 9.0]]
    >>> within_groups(logits, torch.tensor([0, 2]), (3,)) is logits
    True
    """
    if len(sizes) == 1:
        return logits
    group = torch.repeat_interleave(torch.tensor(sizes, device=logits.device))
    return logits.masked_fill(group[targets][:, None] != group, -torch.inf)
