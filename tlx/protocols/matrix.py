"""How many samples of every task are told right: one row of the matrix of a sequence."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from tlx.data.datamodule import TransferData
from tlx.evaluation import to_device
from tlx.modules.network import Network
from tlx.trainer import TrainerSettings, World
from tlx.types import Split

__all__ = ["Told", "measured_split", "told"]


class Told(NamedTuple):
    """Of one task."""

    right: int
    samples: int
    split: str  # test, or val where there is none, which chose the epoch and leans to the good side


def told(
    network: Network,
    heads: Sequence[nn.Module],
    tasks: Iterable[Callable[[], TransferData]],
    settings: TrainerSettings,
) -> list[Told]:
    """Ask a network about every task, one after the other, so that one at a time is in memory.

    Args:
        network: Its backbone gives the features; put into evaluation mode.
        heads: Of each task, from features to its classes.
        tasks: Make the data of each.
        settings: Where to compute.
    """
    settings.prepare_process()
    device = settings.device(World())
    network.to(device).eval()
    network.backbone.lay_out(settings.torch_memory_format)
    return [_told(network, head, make(), settings) for head, make in zip(heads, tasks, strict=True)]


def measured_split(data: TransferData) -> tuple[str, Split]:
    """The split that measures a task, and its name."""
    splits = data.splits
    return ("val", splits.val) if splits.test is None else ("test", splits.test)


def _told(network: Network, head: nn.Module, data: TransferData, settings: TrainerSettings) -> Told:
    data.preprocessing = network.backbone.preprocessing
    name, split = measured_split(data)
    device = next(network.parameters()).device
    head = head.to(device).eval()
    right = torch.zeros((), dtype=torch.int64, device=device)
    with torch.inference_mode(), settings.precision_context():
        for batch in data.loader(split):
            logits = head(network.features(to_device(batch.inputs, device)))
            counted = (batch.ids >= 0).to(device)
            right += ((logits.argmax(1) == batch.targets.to(device)) & counted).sum()
    return Told(int(right), len(split), name)
