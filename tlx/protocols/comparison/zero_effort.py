"""What costs nothing: one answer for all samples, and nearest neighbours by features as they are."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.cache.part import Part
from tlx.functional.neighbours import nearest, neighbour_classes, neighbour_means
from tlx.protocols.frozen import NEIGHBOURS, TEMPERATURE, stage_features
from tlx.protocols.given import Given
from tlx.types import Targets

__all__ = ["commonest", "constant_worths", "neighbour_figure"]


def commonest(known: NDArray[Any], labelled: NDArray[Any]) -> int:
    """The class of most samples; of classes that have equally many the commonest of all, then the first.

    Args:
        known: Labels that may be learned from, shape (N,).
        labelled: Those they were drawn from, shape (M,): as many of each class would make a tie of all.

    >>> commonest(np.array([0, 1]), np.array([0, 1, 1])), commonest(np.array([0, 0, 1]), np.array([0, 1, 1]))
    (1, 0)
    """
    counts = np.bincount(known)
    tied = np.flatnonzero(counts == counts.max())
    return int(tied[np.bincount(labelled, minlength=len(counts))[tied].argmax()])


def constant_worths(
    targets: Targets, known: NDArray[Any], asked: NDArray[Any], labelled: NDArray[Any] | None = None
) -> Tensor:
    """What the best single answer is worth for each sample; the mean is its figure.

    That answer is the commonest class, or of each class the commoner of yes and no, and it is right or wrong;
    of numbers it is their medians, and it is worth its mean absolute error.

    Args:
        targets: What labels are.
        known: Labels that may be learned from, shape (N,) of classes, else (N, K).
        asked: Those that are asked about, shape (M,) or (M, K).
        labelled: Those that the known ones were drawn from, which say what is commoner where the draw made a
            tie; None: the known ones are all.

    Returns:
        Shape (M,), float64.

    >>> constant_worths("class", np.array([0, 1, 1]), np.array([1, 1, 0, 2])).tolist()
    [1.0, 1.0, 0.0, 0.0]
    >>> constant_worths("numbers", np.array([[1.0], [2.0], [9.0]]), np.array([[4.0], [2.0]])).tolist()
    [2.0, 0.0]
    """
    whole = known if labelled is None else labelled
    if targets == "class":
        worths = asked == commonest(known, whole)
    elif targets == "classes":
        shares = known.mean(axis=0)
        yes = np.where(shares == 0.5, whole.mean(axis=0), shares) >= 0.5
        worths = (yes == (asked > 0.5)).mean(axis=1)
    else:
        worths = np.abs(asked - np.median(known, axis=0)).mean(axis=1)
    return torch.from_numpy(worths.astype(np.float64))


def neighbour_figure(given: Given, reported_on: str) -> float:
    """The same figure of nearest neighbours by the last stage's features, before anything trains.

    Args:
        given: Its config says which network and which data.
        reported_on: "test" or "val".
    """
    job = given.makers.job(given.config)
    job.trainer = replace(job.trainer, devices=1, num_nodes=1)
    features = stage_features(job, given.say)
    last, splits, targets = features.stages[-1], job.data.splits, job.task.targets
    asked_split = getattr(splits, reported_on)
    known, asked = (
        features.of(Part(name, split))[last]
        for name, split in (("train", splits.train), (reported_on, asked_split))
    )
    found = nearest(known, asked, min(NEIGHBOURS, len(known)))
    answers, right = (torch.from_numpy(np.asarray(each.labels)) for each in (splits.train, asked_split))
    if targets == "class":
        return float((neighbour_classes(found, answers.long(), TEMPERATURE) == right).double().mean())
    means = neighbour_means(found, answers.double(), TEMPERATURE)
    if targets == "classes":
        return float(((means >= 0.5) == (right > 0.5)).double().mean())
    return float((means - right).abs().mean())
