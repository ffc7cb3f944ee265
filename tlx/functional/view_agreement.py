"""How sure a classifier is, held against whether it says the same of another view of a sample."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value

__all__ = ["Agreement", "prominence", "view_agreement"]


class Agreement(NamedTuple):
    """Two views of each sample, as a classifier sees them."""

    confidence: Tensor
    """Greatest probability, mean of both views, shape (N,)."""
    share: float
    """Of the samples whose views are taken for the same class."""
    surplus: float
    """ln of the mean confidence over that share: 0 where it is as sure as it agrees with itself."""


def view_agreement(logits: Tensor, others: Tensor) -> Agreement:
    r"""How sure a classifier is, against how often it takes two views of a sample for the same.

    A network that reads values too small for it is less sure than it agrees with itself, one that reads them
    too large is surer: a factor moves the confidence and hardly the first choice. No labels are needed, as in
    the estimate of accuracy by disagreement (Jiang, Nagarajan, Baek and Kolter, *Assessing Generalization of
    SGD via Disagreement*, 2022, arXiv 2106.13799).

    Args:
        logits: Of the samples, shape (N, K).
        others: Of another view of the same samples, such as a part of each, shape (N, K).

    Raises:
        ConfigError: The shapes differ.

    >>> sure = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])
    >>> found = view_agreement(sure, sure)
    >>> round(found.confidence[0].item(), 4), found.share, round(found.surplus, 4)
    (0.75, 1.0, -0.2877)
    """
    if logits.shape != others.shape or logits.ndim != 2:
        raise bad_value("shapes of both views", (tuple(logits.shape), tuple(others.shape)), "(N, K) twice")
    views = [each.double().softmax(dim=1).max(dim=1) for each in (logits, others)]
    confidence = (views[0].values + views[1].values) / 2
    share = float((views[0].indices == views[1].indices).double().mean())
    surplus = math.log(float(confidence.mean()) / max(share, 1 / len(logits)))
    return Agreement(confidence, share, surplus)


def prominence(logits: Tensor) -> Tensor:
    """How many standard deviations of a sample's logits the greatest lies above their mean, shape (N,).

    Unlike a confidence it is not moved by a factor before the softmax. With two classes it is always the
    same; it needs ten to say something.

    Args:
        logits: Shape (N, K), K >= 2.

    >>> prominence(torch.tensor([[1.0, 0.0, 0.0, 0.0], [4.0, 0.0, 0.0, 0.0]])).tolist()
    [1.5, 1.5]
    """
    rows = logits.double()
    spread = rows.std(dim=1).clamp_min(torch.finfo(torch.float64).tiny)
    return (rows.amax(dim=1) - rows.mean(dim=1)) / spread
