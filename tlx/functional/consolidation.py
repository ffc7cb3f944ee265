"""Quadratic pulls of several tasks as one."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Pull", "both_pulls"]


class Pull(NamedTuple):
    """The term F (theta - anchor)^2 for each weight."""

    importance: Tensor  # >= 0
    anchor: Tensor


def both_pulls(one: Pull, other: Pull) -> Pull:
    r"""One pull with the gradient of both, wherever the weights are.

    .. math:: A (\theta - a)^2 + B (\theta - b)^2
              = (A + B) \Big(\theta - \frac{A a + B b}{A + B}\Big)^2 + \frac{A B}{A + B} (a - b)^2

    The last summand does not depend on theta and is left out. So any number of tasks, each with its own
    anchor (Kirkpatrick et al. 2017, arXiv 1612.00796; Huszar 2018, arXiv 1712.03847, on what it costs to
    keep only the last one), takes the memory of one. Where neither pulls, the other's anchor stands.

    Args:
        one: Of tasks before.
        other: Of another task, same shapes.

    >>> both = both_pulls(Pull(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 5.0])),
    ...                   Pull(torch.tensor([3.0, 0.0]), torch.tensor([2.0, 7.0])))
    >>> both.importance.tolist(), both.anchor.tolist()
    ([4.0, 0.0], [1.5, 7.0])
    """
    importance = one.importance + other.importance
    share = torch.where(importance > 0, one.importance / importance, torch.zeros_like(importance))
    return Pull(importance, other.anchor + share * (one.anchor - other.anchor))
