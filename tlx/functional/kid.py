r"""How far two domains are apart by few samples: the kernel distance of Binkowski et al. 2018.

The unbiased squared MMD with :math:`k(x, y) = (x^\top y / D + 1)^3`, averaged over subsets,
https://arxiv.org/abs/1801.01401; of Inception features it is the KID. Means, variances and skewness count.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.feature_pair import feature_pair
from tlx.functional.intervals import subsample_interval
from tlx.functional.mmd import mean_discrepancies

__all__ = ["KID", "kid", "polynomial_mmd"]

LARGEST = 1000
"""Samples of a subset, where there are twice as many."""


class KID(NamedTuple):
    """A kernel distance with its 95 % interval.

    Args:
        value: Mean over the subsets; below 0 is kept.
        low: Lower end.
        high: Upper end.
        subsets: How many.
        size: Samples of each domain in each.
    """

    value: float
    low: float
    high: float
    subsets: int
    size: int


def polynomial_mmd(source: Tensor, target: Tensor) -> float:
    """The unbiased squared MMD of the cubic kernel, of all samples at once.

    >>> polynomial_mmd(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]]))  # 1 + 27 - 37 / 2
    9.5

    Args:
        source: Features, shape (N, D), N >= 2.
        target: Features, shape (M, D), M >= 2.

    Raises:
        ConfigError: The shapes do not fit.
        NumericalError: A value is not finite.
    """
    return _polynomial_mmd(*feature_pair(source, target))


def kid(source: Tensor, target: Tensor, subsets: int = 100, size: int | None = None, seed: int = 0) -> KID:
    """The kernel distance of two independent samples and its interval.

    The spread of the subsets is not that of the mean: they share samples. `subsample_interval` makes an
    interval of it, which is too wide where the domains are equal.

    Args:
        source: Features, shape (N, D), N >= 4.
        target: Features, shape (M, D), M >= 4.
        subsets: >= 2.
        size: Samples of a domain in a subset, >= 2 and fewer than a domain has; by default half of the
            smaller domain, at most 1000.
        seed: Chooses the subsets.

    Raises:
        ConfigError: The shapes do not fit, or a number is out of its range.
        NumericalError: A value is not finite.

    >>> x = torch.linspace(-1, 1, 40)[:, None]
    >>> found = kid(x, x + 2, subsets=20)
    >>> found.size, found.low < polynomial_mmd(x, x + 2) < found.high
    (20, True)
    """
    first, second = feature_pair(source, target, at_least=4)
    count = min(len(first), len(second))
    size = min(LARGEST, count // 2) if size is None else size
    if not 2 <= size < count:
        raise bad_value("size", size, f"a whole number in [2, {count - 1}]: part of the smaller domain")
    if subsets < 2:
        raise bad_value("subsets", subsets, "a whole number >= 2, for an interval")
    generator = torch.Generator().manual_seed(seed)
    values = [
        _polynomial_mmd(
            *(rows[torch.randperm(len(rows), generator=generator)[:size]] for rows in (first, second))
        )
        for _ in range(subsets)
    ]
    low, high = subsample_interval(values, size, count)
    return KID(sum(values) / subsets, low, high, subsets, size)


def _polynomial_mmd(source: Tensor, target: Tensor) -> float:
    rows = torch.cat([source, target])
    kernel = (rows @ rows.T / rows.shape[1] + 1) ** 3
    members = torch.zeros(len(rows), 1, dtype=rows.dtype, device=rows.device)
    members[: len(source)] = 1.0
    return float(mean_discrepancies(kernel, members)[0])
