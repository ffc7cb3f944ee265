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
        torch.manual_seed(value)
        np.random.seed(value % 2**32)
        random.seed(value)
