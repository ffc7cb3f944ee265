r"""How far two domains are apart in any respect: the maximum mean discrepancy and its permutation test.

.. math:: \mathrm{MMD}^2 = \mathrm{E}\,k(s, s') + \mathrm{E}\,k(t, t') - 2\,\mathrm{E}\,k(s, t)

Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html. Estimated without bias: no sample is paired
with itself, so that a value may be below 0. The kernel is a mean of Gaussians,
:math:`k(x, y) = \frac{1}{U} \sum_u \exp(-\|x - y\|^2 / 2 s_u^2)`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.feature_pair import feature_pair, feature_rows

__all__ = ["SCALES", "MMDTest", "mean_discrepancies", "median_distance", "mmd", "mmd_test"]

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Bandwidths, as multiples of the median distance of two samples."""
TIE = 1e-12
"""Relative: permutations that differ in nothing but the order of their sums count as equal."""
CHUNK = 256
"""Permutations at once."""


class MMDTest(NamedTuple):
    """The discrepancy and how often chance makes as much of it.

    Args:
        value: The unbiased squared MMD.
        p_value: In [1 / (permutations + 1), 1].
        permutations: How many stand behind it.
        bandwidths: Of the kernels.
    """

    value: float
    p_value: float
    permutations: int
    bandwidths: tuple[float, ...]


def mmd(source: Tensor, target: Tensor, bandwidths: Sequence[float] | None = None) -> float:
    """The unbiased squared MMD of two independent samples.

    It needs 8 (N + M)^2 bytes, so large domains are sampled before.

    >>> x = torch.tensor([[0.0], [1.0]])
    >>> round(mmd(x, x + 10, bandwidths=[1.0]), 6)  # 2 exp(-1/2): each is near its own alone
    1.213061

    Args:
        source: Features, shape (N, D), N >= 2.
        target: Features, shape (M, D), M >= 2.
        bandwidths: Of the kernels, > 0; by default `SCALES` times the median distance of all samples.

    Raises:
        ConfigError: The shapes do not fit, or a bandwidth is not > 0.
        NumericalError: A value is not finite.
    """
    kernel, _ = _kernel(*feature_pair(source, target), bandwidths)
    return float(mean_discrepancies(kernel, _first(len(source), len(kernel)).to(kernel.device))[0])


def mmd_test(
    source: Tensor,
    target: Tensor,
    permutations: int = 1000,
    bandwidths: Sequence[float] | None = None,
    seed: int = 0,
) -> MMDTest:
    """The unbiased squared MMD and its p-value: are these two independent samples of one distribution?

    With b of m permutations of the domains' names at or above the value found,
    :math:`p = (b + 1) / (m + 1)` (Phipson and Smyth 2010, https://arxiv.org/abs/1603.05766): never 0, and
    at any N at most at its level. Kernels are evaluated once; a permutation only sums them otherwise.

    >>> x = torch.arange(20.0)[:, None]
    >>> mmd_test(x, x + 100, permutations=99).p_value, mmd_test(x, x + 0.1, permutations=99).p_value > 0.5
    (0.01, True)

    Args:
        source: Features, shape (N, D), N >= 2.
        target: Features, shape (M, D), M >= 2.
        permutations: m, >= 1.
        bandwidths: As in `mmd`; chosen from all samples together, so that the test stays exact.
        seed: Chooses the permutations.

    Raises:
        ConfigError: The shapes do not fit, or a number is out of its range.
        NumericalError: A value is not finite.
    """
    if permutations < 1:
        raise bad_value("permutations", permutations, "a whole number >= 1")
    kernel, used = _kernel(*feature_pair(source, target), bandwidths)
    count, size = len(source), len(kernel)
    value = mean_discrepancies(kernel, _first(count, size).to(kernel.device))[0]
    generator, reached = torch.Generator().manual_seed(seed), 0
    for start in range(0, permutations, CHUNK):
        number = min(CHUNK, permutations - start)
        order = torch.rand(number, size, generator=generator, dtype=torch.float64).argsort(dim=1)
        members = torch.zeros(number, size, dtype=torch.float64).scatter_(1, order[:, :count], 1.0)
        by_chance = mean_discrepancies(kernel, members.T.to(kernel.device))
        reached += int((by_chance >= value - TIE * kernel.mean()).sum())
    return MMDTest(float(value), (reached + 1) / (permutations + 1), permutations, used)


def median_distance(features: Tensor) -> float:
    """The (lower) median Euclidean distance of two samples, for a bandwidth; the mean where that is 0.

    >>> median_distance(torch.tensor([[0.0], [1.0], [5.0]]))
    4.0

    Args:
        features: Of all domains, shape (N, D), N >= 2.

    Returns:
        A number > 0; 1 where all samples are equal, for then any bandwidth will do.
    """
    return _median(_squared_distances(feature_rows(features)))


def mean_discrepancies(kernel: Tensor, members: Tensor) -> Tensor:
    """Unbiased squared MMDs from kernel values of all samples with all, for ways to tell them apart.

    >>> kernel = torch.full((4, 4), 2.0).double()
    >>> kernel[0, 1] = kernel[1, 0] = 7.0
    >>> mean_discrepancies(kernel, torch.tensor([[1.0], [1.0], [0.0], [0.0]]).double()).tolist()
    [5.0]

    Args:
        kernel: Shape (N, N), float64, symmetric; its diagonal is not looked at.
        members: 1 for samples of the source, 0 for the others, a column for each way, shape (N, P),
            float64; at least two of either, and the same number in each column.

    Returns:
        Shape (P,), float64.
    """
    others = kernel.clone().fill_diagonal_(0)
    n = float(members[:, 0].sum())
    m = len(kernel) - n
    within = (members * (others @ members)).sum(dim=0)
    sums = others.sum(dim=1, keepdim=True)
    between = (members * sums).sum(dim=0) - within
    beyond = sums.sum() - within - 2 * between
    return within / (n * (n - 1)) + beyond / (m * (m - 1)) - 2 * between / (n * m)


def _first(count: int, size: int) -> Tensor:
    members = torch.zeros(size, 1, dtype=torch.float64)
    members[:count] = 1.0
    return members


def _kernel(
    source: Tensor, target: Tensor, bandwidths: Sequence[float] | None
) -> tuple[Tensor, tuple[float, ...]]:
    squared = _squared_distances(torch.cat([source, target]))
    used = tuple(bandwidths) if bandwidths else tuple(_median(squared) * scale for scale in SCALES)
    if not all(bandwidth > 0 for bandwidth in used):
        raise bad_value("bandwidths", used, "numbers > 0", "leaving them out: the median heuristic")
    kernel = torch.zeros_like(squared)
    for bandwidth in used:
        kernel += torch.exp(squared / (-2 * bandwidth**2))
    return kernel / len(used), used


def _squared_distances(rows: Tensor) -> Tensor:
    centred = rows - rows.mean(dim=0)  # fewer digits are lost
    norms = centred.square().sum(dim=1)
    squared = (norms[:, None] + norms - 2 * centred @ centred.T).clamp(min=0)
    squared.fill_diagonal_(0)
    return squared


def _median(squared: Tensor) -> float:
    size = len(squared)
    pairs = squared[torch.ones(size, size, dtype=torch.bool, device=squared.device).triu(1)]
    return float(pairs.median().sqrt()) or float(pairs.sqrt().mean()) or 1.0
