"""One pass over a split that fills several entries."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from tlx.backbones.cuts import FrozenValues, values_of
from tlx.cache.filling import Filling
from tlx.cache.part import Part
from tlx.data.datamodule import TransferData
from tlx.evaluation import to_device
from tlx.trainer import World

__all__ = ["fill"]


def fill(
    part: Part,
    data: TransferData,
    pairs: Sequence[tuple[FrozenValues, Filling]],
    device: torch.device,
    precision: Callable[[], AbstractContextManager[Any]],
    world: World,
) -> list[float]:
    """Compute this rank's share of the blocks that an entry lacks.

    Args:
        part: What is read.
        data: What reads it.
        pairs: The frontiers and what their values are written into.
        device: Where the network is.
        precision: Makes the autocast to compute under.
        world: This process among those of the machine.

    Returns:
        When each of the blocks was filled, in seconds of `time.monotonic`.
    """
    lacking = np.flatnonzero(np.any([filling.done == 0 for _, filling in pairs], axis=0))
    mine = lacking[lacking % world.local_size == world.local_rank].tolist()  # whatever others have done
    moments = list[float]()
    if not mine:
        return moments
    block, count = part.block(data.eval_batch_size), len(part.split)
    per_view = part.blocks(data.eval_batch_size) // (part.views or 1)
    cuts = [cut for cut, _ in pairs]
    with torch.no_grad(), precision():
        for number, batch in zip(mine, data.blocks(part.split, mine, part.views is not None), strict=True):
            view, within = divmod(number, per_view)
            real = int((batch.ids >= 0).sum())
            found = values_of(cuts, to_device(batch.inputs, device))
            for (_, filling), values in zip(pairs, found, strict=True):
                rows = {name: value[:real] for name, value in values.items()}
                filling.put(number, view * count + within * block, rows)
            moments.append(time.monotonic())
    for _, filling in pairs:
        filling.flush()
    return moments
