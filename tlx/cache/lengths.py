"""How long each text is, and what stands behind a shorter one."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tlx.backbones.named import named
from tlx.cache.layout import Layout
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError
from tlx.types import FrontierValues, Split

__all__ = ["SEEN", "Lengths", "estimated", "is_estimated", "lengths_of"]

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
    """Lengths that are like those of some texts, to tell bytes before all texts are read.

    Of `SEEN` stretches of the split, of about the same length, one text each is read, drawn alike each
    time; so neither an order by length nor a period leads the estimate astray. Where there are no
    more texts than that, all are read, and it is no estimate.

    Args:
        data: What reads the texts.
        split: The texts.

    Raises:
        ConfigError: The texts have no attention mask.
    """
    stretch = np.arange(len(split)) * min(SEEN, len(split)) // len(split)
    starts = np.searchsorted(stretch, np.arange(stretch[-1] + 2))
    chosen = np.random.default_rng(0).integers(starts[:-1], starts[1:])
    inputs = named(data.chosen(split, [(0, index) for index in chosen.tolist()]))
    if MASK not in inputs:
        raise ConfigError("its texts come without an attention mask")
    counted = inputs[MASK].sum(dim=1).clamp(min=1).numpy().astype(np.int64)
    return Lengths(counted[stretch], {})


def is_estimated(layout: Layout) -> bool:
    """Whether bytes that rows of `estimated` lengths take are told from a part of the texts."""
    return layout.offsets is not None and layout.rows > SEEN
