"""Any distance of two domains beside what the same domain gives: how much of it do N samples alone make?"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.feature_pair import feature_pair
from tlx.functional.intervals import subsample_interval

__all__ = ["Compared", "beside_same_domain"]

MINOR = 0.1
"""Share of a distance that samples alone may make without a warning."""


class Compared(NamedTuple):
    """A distance of two domains, its 95 % interval, and the same distance within the target.

    Args:
        value: From all samples.
        low: Lower end; of the expectation of `value` at these numbers of samples, bias included.
        high: Upper end.
        size: Samples of each domain behind `across` and `within`.
        across: Mean distance of `size` samples of the source from `size` of the target.
        within: Mean distance of `size` samples of the target from `size` others of it.
        within_low: 95 % of the splits of the target are between this
        within_high: and this.
        splits: How many.
        warning: What makes the numbers doubtful, if anything.
    """

    value: float
    low: float
    high: float
    size: int
    across: float
    within: float
    within_low: float
    within_high: float
    splits: int
    warning: str | None


def beside_same_domain(
    source: Tensor,
    target: Tensor,
    distance: Callable[[Tensor, Tensor], float],
    splits: int = 20,
    seed: int = 0,
    value: float | None = None,
) -> Compared:
    """A distance with an interval, beside the same distance within one domain at the same number of samples.

    In each split the target falls into two disjoint halves at random. Their distance says what N samples
    make of nothing: the bias of a Frechet distance shows here in full. Beside it stands the distance of as
    many samples of the source from one of these halves. The interval comes from random halves of both
    domains, by `subsample_interval`: it tells the spread of the value at its N and leaves its bias in.
    Domains are taken for independent samples; the halves of two with the same number of samples are drawn
    alike, so that two versions of one sample stay together.

    >>> x = torch.linspace(-1, 1, 41)[:, None]
    >>> found = beside_same_domain(x + 3, x, lambda a, b: float((a.mean() - b.mean()) ** 2))
    >>> found.size, round(found.value, 6), found.low < 9 < found.high, found.within < 0.2, found.warning
    (20, 9.0, True, True, None)

    Args:
        source: Features, shape (N, D), N >= 4.
        target: Features, shape (M, D), M >= 4.
        distance: Of two sets of features with D dimensions.
        splits: >= 2; each costs two distances, three where N and M differ.
        seed: Chooses the halves.
        value: The distance where more is known of the source than these samples, such as moments.

    Raises:
        ConfigError: The shapes do not fit, or a number is out of its range.
        NumericalError: A value is not finite.
    """
    first, second = feature_pair(source, target, at_least=4)
    if splits < 2:
        raise bad_value("splits", splits, "a whole number >= 2, for an interval")
    count = min(len(first), len(second))
    size, halves = count // 2, (len(first) // 2, len(second) // 2)
    found = distance(first, second) if value is None else value
    generators = [torch.Generator().manual_seed(seed) for _ in range(2)]
    within, across, half = list[float](), list[float](), list[float]()
    for _ in range(splits):
        mine, theirs = (
            rows[torch.randperm(len(rows), generator=generator)]
            for rows, generator in zip((first, second), generators, strict=True)
        )
        within.append(distance(theirs[:size], theirs[size : 2 * size]))
        across.append(distance(mine[:size], theirs[:size]))
        equal = halves == (size, size)
        half.append(across[-1] if equal else distance(mine[: halves[0]], theirs[: halves[1]]))
    low, high = subsample_interval(half, size, 2 * size, centre=found)
    bounds = torch.tensor(within, dtype=torch.float64).quantile(torch.tensor([0.025, 0.975]).double())
    least, most = (float(bound) for bound in bounds)
    means = sum(across) / splits, sum(within) / splits
    return Compared(found, low, high, size, *means, least, most, splits, _warning(size, *means, most))


def _warning(size: int, across: float, within: float, most: float) -> str | None:
    if across <= most:
        return f"{size} samples of the target are as far from {size} others of it as from the source"
    if within > MINOR * across:
        share = 100 * within / across
        return f"{share:.0f} % of the distance at {size} samples a domain is there within the target too"
    return None
