"""What protocols read of a frozen backbone: features of every stage, of the splits that they need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.assembly import build_network, feature_bits
from tlx.cache.part import Part
from tlx.cache.stage_features import StageFeatures
from tlx.data.datamodule import TransferData
from tlx.data.stratified import held_out, in_proportion
from tlx.errors import DataError
from tlx.functional.neighbours import nearest, neighbour_classes
from tlx.job import Job
from tlx.probing.linear_probe import LinearProbe
from tlx.protocols.beforehand import check_one_process
from tlx.trainer import World
from tlx.types import Split

__all__ = ["Read", "Sampled", "Shares", "neighbour_accuracy", "sampled", "shares_of", "stage_features"]

HELD_OUT = 0.2
"""Of the training samples, for choosing, where the data has no test split and val is reported."""

NEIGHBOURS, TEMPERATURE = 20, 0.07
"""Of the vote by cosines (Wu et al. 2018, arXiv 1805.01978)."""

SHOWN = 10
"""Names of a list that messages show."""


@dataclass(frozen=True)
class Shares:
    """Samples that fit, samples that choose, and samples that are only reported; none is in two.

    Args:
        fits: Of the training split.
        chooses: The validation split; where there is no test split, a share of the training split.
        reported: The test split; where there is none, the validation split.
        chosen_on: What `chooses` is, for people.
        reported_on: "test" or "val".
        labelled: The classes of all training samples, of those too that were not drawn.
    """

    fits: Part
    chooses: Part
    reported: Part
    chosen_on: str
    reported_on: str
    labelled: NDArray[Any]


@dataclass(frozen=True)
class Sampled:
    """Features and labels.

    Args:
        features: By stage: shape (N, C of the stage), float32.
        labels: Shape (N,), int64.
    """

    features: dict[str, Tensor]
    labels: Tensor


@dataclass(frozen=True)
class Read:
    """What was read of one backbone and found by it, for all parts of one answer.

    Args:
        features: Of its stages; what was read of them is not read again.
        shares: Of the data.
        probes: Linear probes by their stage, fitted, chosen and reported on the shares, without a refit.
    """

    features: StageFeatures
    shares: Shares
    probes: dict[str, LinearProbe]


def stage_features(job: Job, say: Callable[[str], None], data: TransferData | None = None) -> StageFeatures:
    """What computes the features of a job's backbone, where the job's trainer says.

    Args:
        job: Its trainer says where.
        say: Takes a line for people.
        data: Whose samples are read; None: the job's own.

    Raises:
        ConfigError: Several devices are asked for, or the task is not to tell classes apart.
    """
    settings = job.trainer
    check_one_process(settings)
    settings.prepare_process()
    build_network(job)  # draws the values of a random backbone
    job.backbone.lay_out(settings.torch_memory_format)
    return StageFeatures(
        job.cache,
        job.backbone,
        data or job.data,
        settings.device(World()),
        settings.precision_context,
        feature_bits(settings),
        say,
        job.names if data is None else {"model": job.names.get("model", "")},
    )


def shares_of(data: TransferData, most: int, seed: int) -> Shares:
    """Divide a data set so that what is reported has chosen nothing.

    Args:
        data: With labels of one class each.
        most: Samples of each share at most, drawn in the shares of the classes, >= 1.
        seed: Of the draws.

    Raises:
        DataError: There is no test split, and a class has one training sample.
    """
    train, val, test, classes = data.splits
    if test is not None:
        return Shares(
            Part("train", drawn(train, most, seed)),
            Part("val", drawn(val, most, seed)),
            Part("test", drawn(test, most, seed)),
            "val",
            "test",
            data.labelled,
        )
    _check_both_shares(data)
    fits, chooses = held_out(train.labels, [HELD_OUT], seed, classes)
    return Shares(
        Part("train", drawn(train.subset(fits), most, seed)),
        Part("train (held out)", drawn(train.subset(chooses), most, seed)),
        Part("val", drawn(val, most, seed)),
        "a fifth of train, held out",
        "val",
        data.labelled,
    )


def _check_both_shares(data: TransferData) -> None:
    """Refuse classes of one training sample, which cannot be in what fits and in what chooses."""
    train, val, _, classes = data.splits
    single = np.flatnonzero(np.bincount(train.labels) == 1)
    alone = [classes[label] for label in single]
    if not alone:
        return
    more = f" and {len(alone) - SHOWN} more classes" if len(alone) > SHOWN else ""
    them = "it" if len(alone) == 1 else "them"
    others = f"; others of {them} are in val" if np.isin(val.labels, single).any() else ""
    raise DataError(
        "what chooses is a fifth of the training samples here, held out, so every class needs 2 training "
        f"samples or more: train has 1 of {', '.join(alone[:SHOWN])}{more}{others}",
        fix="data.per_class=2 or more"
        if data.per_class == 1
        else f"more training samples of {them}, or data=by_classes without {them}",
    )


def drawn(split: Split, most: int, seed: int) -> Split:
    """So many samples at most, classes in their shares; a split with fewer stays as it is."""
    return split if len(split) <= most else split.subset(in_proportion(split.labels, most, seed))


def sampled(features: StageFeatures, part: Part) -> Sampled:
    """The features of a part, with its labels."""
    return Sampled(features.of(part), torch.from_numpy(np.asarray(part.split.labels, dtype=np.int64)))


def neighbour_accuracy(known: Sampled, asked: Sampled, stage: str, k: int = NEIGHBOURS) -> float:
    """The share of samples that their nearest neighbours name right, weighted by cosines.

    Args:
        known: Samples that vote.
        asked: Samples that are named.
        stage: Whose features are compared.
        k: Neighbours that vote, all of `known` where there are fewer.
    """
    near = nearest(known.features[stage], asked.features[stage], min(k, len(known.labels)))
    return float((neighbour_classes(near, known.labels, TEMPERATURE) == asked.labels).double().mean())
