"""What costs nothing: one answer for all samples, and nearest neighbours by features as they are."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tlx.cache.part import Part
from tlx.functional.neighbours import nearest, neighbour_classes, neighbour_means
from tlx.protocols.frozen import stage_features
from tlx.protocols.given import Given
from tlx.types import Targets

__all__ = ["constant_figure", "neighbour_figure"]

NEIGHBOURS, TEMPERATURE = 20, 0.07
"""Of the vote by cosines (Wu et al. 2018, arXiv 1805.01978)."""


def constant_figure(targets: Targets, known: NDArray[Any], asked: NDArray[Any]) -> float:
    """The figure of the best single answer for all.

    That is the accuracy of naming the commonest class, or of each class the commoner of yes and no; of
    numbers, the mean absolute error of naming their medians.

    Args:
        targets: What labels are.
        known: Labels that may be learned from, shape (N,) of classes, else (N, K).
        asked: Those that are asked about, shape (M,) or (M, K).

    >>> constant_figure("class", np.array([0, 1, 1]), np.array([1, 1, 0, 2]))
    0.5
    >>> constant_figure("numbers", np.array([[1.0], [2.0], [9.0]]), np.array([[4.0], [2.0]]))
    1.0
    """
    if targets == "class":
        return float((asked == np.bincount(known).argmax()).mean())
    if targets == "classes":
        return float(((known.mean(axis=0) >= 0.5) == (asked > 0.5)).mean())
    return float(np.abs(asked - np.median(known, axis=0)).mean())


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
