"""How far weights have moved from where they were."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["drift"]


def drift(now: Sequence[Tensor], before: Sequence[Tensor], importance: Sequence[Tensor] = ()) -> Tensor:
    r"""The weighted square distance :math:`\sum_i F_i (\theta_i - \theta^*_i)^2`, shape ().

    With F the diagonal Fisher information this is the penalty of elastic weight consolidation
    (Kirkpatrick et al. 2017, arXiv 1612.00796), with F = 1 that of L2-SP (Li et al. 2018, arXiv
    1802.01483), each without its factor. Its gradient, 2 F (theta - theta*), costs one pass over
    the weights and one more tensor of their size.

    Args:
        now: Weights, with a gradient.
        before: The same shapes: where they are pulled to.
        importance: The same shapes, >= 0; empty: 1 everywhere.

    >>> now = [torch.tensor([1.0, 2.0], requires_grad=True)]
    >>> penalty = drift(now, [torch.tensor([0.0, 4.0])], [torch.tensor([1.0, 0.5])])
    >>> penalty.backward()
    >>> penalty.item(), now[0].grad.tolist()
    (3.0, [2.0, -2.0])
    """
    if not now:
        return torch.zeros(())
    moved: Tensor = _Drift.apply(len(now), *now, *before, *importance)
    return moved


class _Drift(torch.autograd.Function):
    """Written out, for autograd would keep three tensors for each weight and walk them twice."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> Tensor:
        now, before, importance = tensors[:count], tensors[count : 2 * count], tensors[2 * count :]
        moved = torch._foreach_sub(now, before)
        weighted = torch._foreach_mul(moved, importance) if importance else moved
        ctx.save_for_backward(*weighted)
        ctx.others = len(tensors) - count
        parts = [torch.dot(a.flatten(), b.flatten()) for a, b in zip(moved, weighted, strict=True)]
        return torch.stack(parts).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        pulled = torch._foreach_mul(ctx.saved_tensors, 2 * grad)
        return (None, *pulled, *[None] * ctx.others)
