"""Every step's randomness is a function of its position, so there is no state to save."""

import random

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tlx.checkpoint.position import batches_processed

__all__ = ["StepRandomness", "seed_of"]


def seed_of(*position: int) -> int:
    """A seed of 64 bits from whole numbers >= 0, the same on every machine.

    >>> seed_of(0, 1) == seed_of(0, 1), seed_of(0, 1) == seed_of(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(position).generate_state(1, np.uint64)[0])


def _seed_torch(seed: int, device: torch.device) -> None:
    """Seed the generators that a step on a device may draw from.

    Where no device is used but the processor, `torch.manual_seed` would also note, with a stack trace for
    each kind of device, how to seed them once they are: in every step longer than a small network takes.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


class StepRandomness(Callback):
    """Seeds torch, NumPy and Python from (seed, batch, rank) before every training step.

    Dropout and the like then draw the same numbers in a resumed run as in one that was never
    stopped, and different ones on every rank.

    Args:
        seed: The run's seed, >= 0.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int
    ) -> None:
        value = seed_of(self.seed, batches_processed(trainer), trainer.global_rank)
        _seed_torch(value, pl_module.device)
        np.random.seed(value % 2**32)
        random.seed(value)
