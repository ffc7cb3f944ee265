"""What is forgotten: how well the original classes are told apart before a run and after it."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tlx.checkpoint.durable import write_durably
from tlx.evaluation import to_device
from tlx.origin.origin import Origin, measured
from tlx.trainer import World
from tlx.types import Inputs

__all__ = ["forgetting", "note_before", "source_accuracy"]

NAME = "source_before.json"


def note_before(
    origin: Origin, world: World, device: torch.device, precision: AbstractContextManager[Any]
) -> None:
    """Measure the original network on its source, once in the life of a run."""
    path = origin.folder / NAME
    if world.agree(path.is_file()):
        return
    found = source_accuracy(origin, origin.network.to(device), world, device, precision)
    if world.is_first:
        write_durably(path, lambda to: to.write_text(json.dumps(found), encoding="utf-8"))
    world.agree(None)


def forgetting(
    origin: Origin,
    answer: Callable[[Inputs], Tensor],
    world: World,
    device: torch.device,
    precision: AbstractContextManager[Any],
) -> dict[str, Any]:
    """The figures of a summary: accuracy before minus accuracy after, on the same samples.

    Both are shares of the source's samples whose original class is the original head's first choice
    among all of its classes. Negative forgetting is a gain.

    Args:
        origin: With a source.
        answer: Inputs to logits of the original classes by the run's network, in evaluation mode.
        world: This process among the others.
        device: Where to compute.
        precision: The autocast to compute under.
    """
    before = _read(origin.folder / NAME)
    after = source_accuracy(origin, answer, world, device, precision)
    return {
        "source/accuracy_before": before["accuracy"],
        "source/accuracy_after": after["accuracy"],
        "source/forgetting": before["accuracy"] - after["accuracy"],
        "source/samples": after["samples"],
    }


def source_accuracy(
    origin: Origin,
    answer: Callable[[Inputs], Tensor],
    world: World,
    device: torch.device,
    precision: AbstractContextManager[Any],
) -> dict[str, Any]:
    """Share of the measured samples whose original class is the first choice; each rank takes its part."""
    assert origin.source is not None
    split = measured(origin.source)
    known = torch.from_numpy(origin.labels(split)).to(device)
    right, count = torch.zeros((), dtype=torch.int64, device=device), 0
    with torch.inference_mode(), precision:
        for batch in origin.source.loader(split):
            counted = batch.ids >= 0
            logits = answer(to_device(batch.inputs, device))[counted.to(device)]
            right += (logits.argmax(1) == known[batch.ids[counted].to(device)]).sum()
            count += int(counted.sum())
    shares = world.gather((int(right), count))
    total = sum(samples for _, samples in shares)
    return {"accuracy": sum(hits for hits, _ in shares) / total, "samples": total}


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
