"""The classes of the nearest neighbours: a classifier with nothing to train."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value, unknown_name
from tlx.functional.score_inputs import checked_features, checked_labels, classes

__all__ = ["METRICS", "Neighbours", "nearest", "neighbour_classes", "neighbour_means"]

METRICS = ("cosine", "euclidean")
ROUNDED = 2.0**-32
"""Squared distances closer than this share of the lengths they are computed from are equal."""
COPIES = 6
"""Tensors of a block's distances that are held at once."""


class Neighbours(NamedTuple):
    """The k nearest rows of each query, the nearest first."""

    indices: Tensor
    """Shape (M, k), int64."""
    distances: Tensor
    """1 - cosine, or the Euclidean distance; shape (M, k), float64."""


def nearest(
    features: Tensor,
    queries: Tensor | None = None,
    k: int = 20,
    metric: str = "cosine",
    max_bytes: int = 2**28,
) -> Neighbours:
    r"""The nearest neighbours of queries, or of each sample among the others.

    Squared distances are computed in double precision and rounded to 2e-10 of the squared lengths of a
    query and of a middling row, which is less than single precision can tell; of equal ones the row that
    comes first is nearer. So copies of a row are equally near, however the work is cut into blocks.

    Args:
        features: The rows to choose from, shape (N, D).
        queries: Shape (M, D); None takes each row of `features` in turn and leaves it out of the choice.
        k: How many, in [1, N], or [1, N - 1] without queries.
        metric: `cosine`, by the angle alone (a row of zeros is at a right angle to all), or `euclidean`.
        max_bytes: Of distances at a time; at least one query is taken. Both sets in double precision and
            the answer, 8 (N + M) D + 16 M k bytes, come on top.

    Raises:
        ConfigError: Features are not finite, shapes do not fit, or an argument is out of its range.

    >>> found = nearest(torch.tensor([[0.0], [1.0], [3.0]]), k=1, metric="euclidean")
    >>> found.indices.flatten().tolist(), found.distances.flatten().tolist()
    ([1, 0, 1], [1.0, 1.0, 2.0])
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    bank = checked_features(features)
    asked = bank if queries is None else checked_features(queries, "queries")
    most = len(bank) - (queries is None)
    if asked.shape[1] != bank.shape[1]:
        raise bad_value("queries of shape", tuple(asked.shape), f"{bank.shape[1]} columns")
    if not 1 <= k <= most:
        raise bad_value("k", k, f"a whole number in [1, {most}], of {len(bank)} samples")
    if metric == "cosine":
        bank, asked = (torch.nn.functional.normalize(rows, dim=1) for rows in (bank, asked))
        lengths, others = (rows.new_ones(len(rows)) for rows in (bank, asked))
    else:
        middle = bank.median(dim=0).values  # whole numbers stay whole, and no row far away moves it
        bank, asked = bank - middle, asked - middle
        lengths, others = (rows.square().sum(dim=1) for rows in (bank, asked))
    units = ROUNDED * (others + lengths.median()).clamp_min(torch.finfo(torch.float64).tiny / ROUNDED)
    units = units.log2().floor().exp2()  # a power of two, which leaves whole numbers whole
    size = max(1, max_bytes // (8 * COPIES * len(bank)))
    found = []
    for start in range(0, len(asked), size):
        block = slice(start, start + size)
        squares = torch.addmm(lengths, asked[block], bank.T, alpha=-2).add_(others[block, None])
        squares.div_(units[block, None]).round_().clamp_min_(0)
        if queries is None:
            squares.diagonal(start).fill_(torch.inf)
        found.append(_smallest(squares, k))
    values = torch.cat([smallest for _, smallest in found]) * units[:, None]
    distances = values / 2 if metric == "cosine" else values.sqrt()
    return Neighbours(torch.cat([columns for columns, _ in found]), distances)


def neighbour_classes(neighbours: Neighbours, labels: Tensor, temperature: float | None = None) -> Tensor:
    r"""What the neighbours of each query vote for.

    A neighbour's vote weighs 1, or :math:`e^{-d / T}` of its distance d: of cosines that is
    :math:`e^{\cos / T}` but for a factor (Wu, Xiong, Yu and Lin, *Unsupervised Feature Learning via
    Non-Parametric Instance Discrimination*, 2018, arXiv 1805.01978; Caron et al. 2021, arXiv 2104.14294).
    Of classes with equal votes that of the nearest neighbour wins.

    Args:
        neighbours: Of `nearest`.
        labels: The class of each row that was chosen from, shape (N,).
        temperature: T > 0, 0.07 in both papers, which take cosines; None counts.

    Returns:
        Classes, shape (M,), int64.

    Raises:
        ConfigError: Labels are no whole numbers or too few, or the temperature is not above 0.

    >>> rows = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.0, 1.0], [0.1, 0.9]])
    >>> found = nearest(rows, torch.tensor([[1.0, 0.1]]), k=5)
    >>> labels = torch.tensor([3, 3, 8, 8, 8])
    >>> neighbour_classes(found, labels).item(), neighbour_classes(found, labels, temperature=0.07).item()
    (8, 3)
    """
    present, places = classes(checked_labels(labels, len(labels)))
    if neighbours.indices.numel() and int(neighbours.indices.max()) >= len(labels):
        raise bad_value("labels of shape", tuple(labels.shape), "one for each row that was chosen from")
    voted = places[neighbours.indices]
    weights = _weights(neighbours, temperature)
    votes = weights.new_zeros(len(voted), len(present))
    for place in range(voted.shape[1]):
        chosen = slice(place, place + 1)
        votes.scatter_add_(1, voted[:, chosen], weights[:, chosen])
    winner = votes.gather(1, voted).argmax(dim=1, keepdim=True)
    return present[voted.gather(1, winner)[:, 0]]


def neighbour_means(neighbours: Neighbours, values: Tensor, temperature: float | None = None) -> Tensor:
    """The mean of what is known of the neighbours of each query, weighed as in `neighbour_classes`.

    Args:
        neighbours: Of `nearest`.
        values: Of each row that was chosen from, shape (N, K).
        temperature: T > 0; None counts.

    Returns:
        Shape (M, K), float64.

    Raises:
        ConfigError: Values are too few, or the temperature is not above 0.

    >>> found = nearest(torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[0.4]]), k=2, metric="euclidean")
    >>> neighbour_means(found, torch.tensor([[1.0], [2.0], [7.0]])).tolist()
    [[1.5]]
    """
    if neighbours.indices.numel() and int(neighbours.indices.max()) >= len(values):
        raise bad_value("values of shape", tuple(values.shape), "one row for each that was chosen from")
    weights = _weights(neighbours, temperature)
    weights = weights / weights.sum(dim=1, keepdim=True)
    return torch.einsum("mk,mkd->md", weights, values.double()[neighbours.indices])


def _weights(neighbours: Neighbours, temperature: float | None) -> Tensor:
    """Of each neighbour's vote, shape (M, k); that of the nearest is 1."""
    if temperature is None:
        return torch.ones_like(neighbours.distances)
    if not 0 < temperature < math.inf:
        raise bad_value("temperature", temperature, "a number > 0, or none", "temperature=0.07")
    return ((neighbours.distances[:, :1] - neighbours.distances) / temperature).exp()


def _smallest(squares: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Columns of the k smallest of each row, the smallest first and of equal ones the first; their values."""
    values, columns = squares.topk(k, dim=1, largest=False)
    tied = (squares <= values.amax(dim=1, keepdim=True)).sum(dim=1) > k
    if bool(tied.any()):
        columns[tied] = squares[tied].argsort(dim=1, stable=True)[:, :k]
    columns = columns.sort(dim=1).values
    values, order = squares.gather(1, columns).sort(dim=1, stable=True)
    return columns.gather(1, order), values
