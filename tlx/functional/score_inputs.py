"""What every score of a representation asks of features, labels and probabilities."""

from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value

__all__ = ["Classes", "checked_features", "checked_labels", "checked_probabilities", "classes"]

LEEWAY = {torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""How far the sum of a row of probabilities may be from 1; elsewhere 1e-3."""


def checked_features(features: Tensor, name: str = "features") -> Tensor:
    """Features in double precision, shape (N, D), where they can be used.

    Args:
        features: Real numbers, shape (N, D), N and D >= 1.
        name: What an error calls them.

    Raises:
        ConfigError: They have another shape, or a number is not finite.

    >>> checked_features(torch.ones(2, 3, dtype=torch.float16)).dtype
    torch.float64
    """
    if features.ndim != 2 or not features.numel():
        raise bad_value(f"{name} of shape", tuple(features.shape), "a row for each sample, (N, D)")
    wrong = int((~features.isfinite()).any(dim=1).sum())
    if wrong:
        raise bad_value(f"{name} with rows that are not finite", wrong, "finite numbers")
    return features.detach().double()


def checked_labels(labels: Tensor, count: int, name: str = "labels") -> Tensor:
    """Labels as int64, shape (N,), where they can be used.

    Args:
        labels: The class of each sample, whole numbers >= 0, shape (N,).
        count: N.
        name: What an error calls them.

    Raises:
        ConfigError: They are no whole numbers, one is below 0, or there are not N of them.

    >>> checked_labels(torch.tensor([2, 0], dtype=torch.uint8), 2)
    tensor([2, 0])
    """
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise bad_value(f"{name} of dtype", labels.dtype, "the class of each sample, a whole number")
    if labels.shape != (count,):
        raise bad_value(f"{name} of shape", tuple(labels.shape), f"one for each sample, ({count},)")
    if count and int(labels.min()) < 0:
        raise bad_value(name, int(labels.min()), "classes >= 0", "leave out samples without a label")
    return labels.detach().long()


class Classes(NamedTuple):
    """Which classes there are, and where."""

    present: Tensor
    """Those with samples, ascending, shape (K,), int64."""
    places: Tensor
    """Of each sample, the place of its class in `present`, shape (N,), int64."""


def classes(labels: Tensor) -> Classes:
    """The classes that have samples.

    Args:
        labels: Shape (N,), int64.

    >>> classes(torch.tensor([5, 2, 5]))
    Classes(present=tensor([2, 5]), places=tensor([1, 0, 1]))
    """
    return Classes(*torch.unique(labels, return_inverse=True))


def checked_probabilities(probabilities: Tensor, name: str = "probabilities") -> Tensor:
    """Probabilities in double precision, rows that sum to 1 to the last digits, shape (N, Z).

    Args:
        probabilities: Rows in [0, 1] that sum to 1, shape (N, Z).
        name: What an error calls them.

    Raises:
        ConfigError: A row is no distribution, as logits are not.

    >>> checked_probabilities(torch.tensor([[0.25, 0.75]]))
    tensor([[0.2500, 0.7500]], dtype=torch.float64)
    """
    rows = checked_features(probabilities, name)
    totals = rows.sum(dim=1)
    leeway = LEEWAY.get(probabilities.dtype, 1e-3)
    if float(rows.min()) < 0:
        found: object = f"numbers down to {float(rows.min()):g}"
    elif float((totals - 1).abs().max()) > leeway:
        found = f"rows that sum to {float(totals.min()):g} ... {float(totals.max()):g}"
    else:
        return rows / totals[:, None]
    want = "shares in [0, 1] that sum to 1 in each row, not logits"
    raise bad_value(name, found, want, "logits.softmax(dim=1)")
