"""What is forgotten: how well the original classes are told apart before a run and after it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.cache.meta import named
from tlx.checkpoint.durable import is_whole, write_durably
from tlx.checkpoint.space import AROUND
from tlx.evaluation import to_device
from tlx.functional.class_groups import within_groups
from tlx.functional.intervals import paired_difference
from tlx.origin.origin import Origin, measured
from tlx.origin.regularizer import Regularizer
from tlx.origin.seen import seen
from tlx.trainer import World
from tlx.types import FrontierValues, Inputs

__all__ = ["Place", "bytes_noted", "forgetting", "in_words", "note_before", "told_right"]

NAME = "source_before.npy"
"""Which samples the original network told right, a byte each."""


class Place(NamedTuple):
    """Where a network is asked.

    Args:
        world: This process among the others; each asks about its share of the samples.
        device: Where to compute.
        precision: Makes the autocast to compute under.
    """

    world: World
    device: torch.device
    precision: Callable[[], AbstractContextManager[Any]]


def bytes_noted(origin: Origin) -> int:
    """Bytes that `note_before` leaves on the disk, at most; 0 without a source."""
    return 0 if origin.source is None else len(measured(origin.source)) + 2 * AROUND


def note_before(origin: Origin, place: Place) -> None:
    """Measure the original network on its source, once in the life of a run."""
    path = origin.folder / NAME
    if place.world.agree(is_whole(path)):
        return
    right = told_right(origin, origin.network.to(place.device), place)
    if place.world.is_first:
        write_durably(path, lambda to: _save(to, right), sidecar=True)
    place.world.agree(None)


def forgetting(
    origin: Origin, answer: Callable[[Inputs | FrontierValues], Tensor], place: Place
) -> dict[str, Any]:
    """The figures of a summary: accuracy before minus accuracy after, on the same samples.

    Both are shares of the source's samples whose original class is the original head's first choice
    among all of its classes; where several heads are kept, the first choice of the one that knows the
    class. Nothing was made of these samples, but of those that are seen. Negative forgetting is a gain. The
    interval is that of paired shares, see `paired_difference`.

    Args:
        origin: With a source.
        answer: Inputs to logits of the original classes by the run's network, in evaluation mode.
        place: Where to compute.
    """
    before = np.load(origin.folder / NAME, allow_pickle=False)
    after = told_right(origin, answer, place)
    lost, won = int((before & ~after).sum()), int((after & ~before).sum())
    low, high = paired_difference(lost, won, len(after))
    known = seen(origin)
    return {
        "source/accuracy_before": float(before.mean()),
        "source/accuracy_after": float(after.mean()),
        "source/forgetting": (lost - won) / len(after),
        "source/forgetting_low": low,
        "source/forgetting_high": high,
        "source/samples": len(after),
        "source/samples_seen": None if known is None else int(known.sum()),
    }


def in_words(origin: Origin, regularizers: Sequence[Regularizer]) -> dict[str, Any]:
    """The words of a summary: what was measured, and what held on to it, if anything that was known trains.

    Args:
        origin: With a source.
        regularizers: Of the run.
    """
    source = origin.source_at_hand
    words = named(origin.network.backbone, source.source, {})
    return {
        "source/data": " ".join(words[key] for key in ("data", "root") if key in words),
        "source/split": "val" if source.splits.test is None else "test",
        "source/held_on_by": [_held_on_by(each, origin) for each in regularizers if origin.pairs],
    }


def _held_on_by(regularizer: Regularizer, origin: Origin) -> str:
    detail = f" ({regularizer.detail(origin)})" if hasattr(regularizer, "detail") else ""
    return f"{regularizer.name} at strength {regularizer.strength:g}{detail}"


def told_right(
    origin: Origin, answer: Callable[[Inputs | FrontierValues], Tensor], place: Place
) -> NDArray[np.bool_]:
    """Whether the original class of each measured sample is the first choice, (N,).

    Raises:
        ConfigError: There is no source.
    """
    split = measured(origin.source_at_hand)
    known = torch.from_numpy(origin.labels(split))
    right, sizes = np.zeros(len(split), dtype=bool), [len(group) for group in origin.groups]
    with torch.inference_mode(), place.precision():
        for batch in origin.to_measure():
            logits = answer(to_device(batch.inputs, place.device)).cpu()
            counted = batch.ids >= 0
            ids = batch.ids[counted]
            chosen = within_groups(logits[counted], known[ids], sizes).argmax(1)
            right[ids.numpy()] = (chosen == known[ids]).numpy()
    shares = place.world.gather(right)
    found: NDArray[np.bool_] = np.logical_or.reduce(shares)
    return found


def _save(path: Path, right: NDArray[np.bool_]) -> None:
    with path.open("wb") as file:
        np.save(file, right)
