"""How long each text is, and what stands behind a shorter one."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tlx.backbones.named import named
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError
from tlx.types import FrontierValues, Split

__all__ = ["Lengths", "estimated", "lengths_of"]

MASK = "inputs/attention_mask"
SEEN = 64
"""Texts whose lengths stand for those of all."""


class Lengths(NamedTuple):
    """What the tokens of a split look like, without the tokens."""

    tokens: NDArray[np.int64]  # of each text, shape (N,), >= 1
    padding: dict[str, int]  # by the name of an input: what fills a shorter text up


def lengths_of(data: TransferData, split: Split) -> Lengths:
    """Count the tokens of every text of a split; the network is not asked.

    Args:
        data: What reads the texts.
        split: The texts.

    Raises:
        ConfigError: They have no attention mask, or padding stands before a text.
    """
    blocks = range(-(-len(split) // min(data.eval_batch_size, len(split))))
    counts, padding = [], dict[str, int]()
    for batch in data.blocks(split, blocks):
        if isinstance(batch.inputs, FrontierValues):
            raise TypeError("texts are read, never stored")
        inputs = named(batch.inputs)
        if MASK not in inputs:
            raise ConfigError("its texts come without an attention mask")
        mask = inputs[MASK].bool()
        lengths = mask.sum(dim=1)
        if not torch.equal(mask, torch.arange(mask.shape[1]) < lengths[:, None]):
            raise ConfigError("its texts are padded in front")
        counts.append(lengths[batch.ids >= 0])
        short = int(lengths.argmin())
        if lengths[short] < mask.shape[1]:
            padding |= {name: int(value[short, -1]) for name, value in inputs.items()}
    return Lengths(torch.cat(counts).clamp(min=1).numpy(), padding)


def estimated(data: TransferData, split: Split) -> Lengths:
    """Lengths that are like those of the first texts, to tell bytes before all texts are read.

    Raises:
        ConfigError: The texts have no attention mask.
    """
    inputs = named(data.first(split, SEEN))
    if MASK not in inputs:
        raise ConfigError("its texts come without an attention mask")
    mean = float(inputs[MASK].sum(dim=1).float().mean())
    return Lengths(np.full(len(split), round(mean), dtype=np.int64), {})
