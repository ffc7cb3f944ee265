"""Samples that are nearly copies of others, by features in which ordinary neighbours are not so near."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.feature_pair import feature_rows
from tlx.functional.neighbours import nearest

__all__ = ["NearCopies", "near_copies"]

NEIGHBOURS = 10
"""The one whose distance says how dense the samples lie."""
BANK, ASKED = 16384, 4096
"""Rows that are compared at once."""
CALIBRATING = 2000
FEWEST = 50


class NearCopies(NamedTuple):
    """Queries that are nearly a row each."""

    queries: Tensor
    """Positions, shape (P,), int64, rising."""
    rows: Tensor
    """The row that each is a copy of, shape (P,), int64."""
    nearness: Tensor
    """Distance of the row, divided by that of the tenth nearest; shape (P,), float64."""
    threshold: float
    """Below which a nearness is that of a copy."""


def near_copies(
    features: Tensor, queries: Tensor, chance: float = 0.05, floor: float = 0.02, seed: int = 0
) -> NearCopies | None:
    r"""Queries whose nearest row is out of all proportion nearer than rows are to each other.

    The nearness of a query is :math:`r = d_1 / d_{10}`, the cosine distances of its nearest and its tenth
    nearest row (the idea of Lowe, *Distinctive Image Features from Scale-Invariant Keypoints*, IJCV 2004,
    7.1), of features centred on the rows' mean and scaled to their spreads; so a dense class and a sparse
    one have one measure. Where rows lie evenly in a neighbourhood of m dimensions,
    :math:`r^{m/2} \sim \mathrm{Beta}(1, 9)`. The exponent is read off the lower quartile of r of 2000 of the
    rows among the others, which copies among the rows themselves (fewer than a quarter) do not reach, and a
    copy is nearer than one of M ordinary queries would be once in 1 / `chance` times:

    .. math:: \ln r < \ln q_{1/4}(r) \cdot \frac{\ln(\mathrm{chance} / 9 M)}{\ln(1 - 0.75^{1/9})}

    Args:
        features: The rows, shape (N, D).
        queries: Shape (M, D).
        chance: Of naming a pair that is none, among all queries, in (0, 1).
        floor: A nearness that is that of a copy whatever the rows are like, in [0, 1).
        seed: Chooses the rows that set the threshold.

    Returns:
        The copies; None of fewer than 50 rows, which tell too little of what is ordinary.

    Raises:
        ConfigError: Shapes do not fit, or an argument is out of its range.
        NumericalError: A value is not finite.
    """
    if not 0 < chance < 1:
        raise bad_value("chance", chance, "a share in (0, 1)", "chance=0.05")
    if not 0 <= floor < 1:
        raise bad_value("floor", floor, "a share in [0, 1)", "floor=0.02")
    if features.shape[1:] != queries.shape[1:]:
        raise bad_value("queries of shape", tuple(queries.shape), f"{tuple(features.shape[1:])} columns")
    if len(features) < FEWEST:
        return None
    mean, scale = _scaling(features)
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))[:CALIBRATING]
    usual, _ = _nearness(features, features[order], mean, scale, order)
    others = NEIGHBOURS - 1
    quartile = float(usual.quantile(0.25).clamp(1e-9, 1 - 1e-9).log())
    share = math.log(chance / (others * max(1, len(queries)))) / math.log(1 - 0.75 ** (1 / others))
    threshold = max(floor, math.exp(quartile * share))
    found, rows = _nearness(features, queries, mean, scale)
    copies = (found < threshold).nonzero()[:, 0]
    return NearCopies(copies, rows[copies], found[copies], threshold)


def _scaling(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread of each column, a block of rows at a time."""
    total, squares = (torch.zeros(features.shape[1], dtype=torch.float64) for _ in range(2))
    for block in torch.split(features, BANK):
        rows = feature_rows(block, at_least=1)
        total += rows.sum(dim=0)
        squares += rows.square().sum(dim=0)
    mean = total / len(features)
    spread = (squares / len(features) - mean.square()).clamp_min(0).sqrt()
    return mean, torch.where(spread > 1e-6 * mean.abs().clamp_min(1e-12), spread, torch.inf)


def _nearness(
    features: Tensor, queries: Tensor, mean: Tensor, scale: Tensor, own: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The nearness of each query, and its nearest row; `own`: the row that each query is itself."""
    most = NEIGHBOURS + (own is not None)
    shares, rows = [], []
    for start in range(0, len(queries), ASKED):
        asked = (feature_rows(queries[start : start + ASKED], "queries", 1) - mean) / scale
        places, distances = list[Tensor](), list[Tensor]()
        for first in range(0, len(features), BANK):
            bank = (feature_rows(features[first : first + BANK], at_least=1) - mean) / scale
            found = nearest(bank, asked, min(most, len(bank)))
            places.append(found.indices + first)
            distances.append(found.distances)
        place, distance = torch.cat(places, dim=1), torch.cat(distances, dim=1)
        if own is not None:
            mine = place == own[start : start + ASKED, None]
            distance = distance.masked_fill(mine, torch.inf)
        smallest, order = distance.topk(min(NEIGHBOURS, len(features) - 1), dim=1, largest=False)
        shares.append(smallest[:, 0] / smallest[:, -1].clamp_min(1e-12))
        rows.append(place.gather(1, order[:, :1])[:, 0])
    return torch.cat(shares), torch.cat(rows)
