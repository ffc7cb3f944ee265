"""How long batches and epochs of a short run take, phase by phase."""

import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

__all__ = ["Stopwatch", "Times"]


@dataclass
class Times:
    """What was seen of one phase, in seconds.

    Args:
        train: From the start of a training batch to that of the next one, of each batch.
        val: The same of validation batches.
        epochs: Of each epoch, validation and checkpoint included.
        batches: Training and validation batches of an epoch.
    """

    train: list[float] = field(default_factory=list)
    val: list[float] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)
    batches: tuple[int, int] = (0, 0)

    @property
    def train_batch(self) -> float:
        """A training batch; the first of all warms up and does not count where there are others."""
        return median(self.train[1:] or self.train)

    @property
    def val_batch(self) -> float:
        """A validation batch."""
        return median(self.val[1:] or self.val or [0.0])

    @property
    def rest(self) -> float:
        """What an epoch takes beside its batches: the checkpoint, the row of figures, the page's marks."""
        train, val = self.batches
        return max(min(self.epochs) - train * self.train_batch - val * self.val_batch, 0.0)


class Stopwatch(Callback):
    """Notes the times of every phase it sees."""

    def __init__(self) -> None:
        self.phases: list[Times] = []
        self._epoch = self._train = self._val = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        val = trainer.num_val_batches
        self.phases.append(Times(batches=(int(trainer.num_training_batches), int(sum(val)))))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch = self._train = time.monotonic()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx:
            self._lap(self.phases[-1].train, "_train")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._lap(self.phases[-1].train, "_train")
        self._val = time.monotonic()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._lap(self.phases[-1].val, "_val")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.phases[-1].epochs.append(time.monotonic() - self._epoch)

    def conclude(self, summary: dict[str, Any]) -> None:
        """The run is over; there is nothing to write."""

    def _lap(self, times: list[float], since: str) -> None:
        now = time.monotonic()
        times.append(now - getattr(self, since))
        setattr(self, since, now)
