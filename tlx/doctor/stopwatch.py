"""How long batches and epochs of a short run take, phase by phase."""

import time
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tlx.strategies.finetuning import Finetuning

__all__ = ["Stopwatch", "Times"]


@dataclass
class Times:
    """What was seen of one phase, in seconds.

    Args:
        train: From the start of a training batch to that of the next one, of each batch.
        val: The same of validation batches.
        epochs: Of each epoch, validation and checkpoint included.
        saves: What a checkpoint at the end of each epoch took of it.
        before: From the end of the phase before to the beginning of this one, the look for stored values
            included; 0 for the first phase.
        around: From its beginning to the first epoch, and from the last one to its end.
        batches: Training and validation batches of an epoch.
        accumulated: Batches per step of the optimizer.
        ready: Batches at the beginning of an epoch that processes have loaded ahead; they come as they are
            asked for, and those after them as fast as they are loaded.
    """

    train: list[float] = field(default_factory=list)
    val: list[float] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)
    saves: list[float] = field(default_factory=list)
    before: float = 0.0
    around: float = 0.0
    batches: tuple[int, int] = (0, 0)
    accumulated: int = 1
    ready: int = 0

    @property
    def train_batch(self) -> float:
        """A training batch, with its share of an optimizer's step.

        The first of all warms up and does not count where there are others.
        """
        if self.ready:
            return fmean(self._loaded(self.train, self.batches[0]))
        seen, together = self.train[1:] or self.train, min(self.accumulated, len(self.train[1:]) or 1)
        return median(fmean(seen[n : n + together]) for n in range(len(seen) - together + 1))

    @property
    def val_batch(self) -> float:
        """A validation batch."""
        if self.ready:
            return fmean(self._loaded(self.val, self.batches[1]) or [0.0])
        return median(self.val[1:] or self.val or [0.0])

    @property
    def save(self) -> float:
        """A checkpoint."""
        return min(self.saves)

    @property
    def rest(self) -> float:
        """What an epoch takes beside its batches: the checkpoint, the row of figures, the page's marks."""
        train, val = self.batches
        return max(min(self.epochs) - train * self.train_batch - val * self.val_batch, 0.0)

    def _loaded(self, laps: list[float], in_epoch: int) -> list[float]:
        """The batches of each epoch behind those that lay ready, of which some come late and some at once."""
        return [lap for n, lap in enumerate(laps) if n % max(in_epoch, 1) >= self.ready] or laps


class Stopwatch(Callback):
    """Notes the times of every phase it sees, and has the best epoch be one of the last phase.

    What comes after the last phase takes as long as it takes then: it may read other values, and has to
    look for them, where the best epoch is of another one. An epoch lasts until the next one begins: its
    checkpoint is written after all that callbacks do.

    Args:
        ready: Batches that processes load ahead, as in `Times`.

    Attributes:
        phases: Their times.
        end: Seconds from the end of the last phase to that of the run.
    """

    def __init__(self, ready: int = 0) -> None:
        self.phases: list[Times] = []
        self._ready = ready
        self.end = 0.0
        self._before = self._since = self._epoch = self._train = self._val = 0.0
        self._end: float | None = None  # of the open epoch, but for its checkpoint
        self._beside = 0.0

    def leave_out(self, seconds: float) -> None:
        """Count what has just taken so long to none of the times."""
        self._beside += seconds

    def _now(self) -> float:
        return time.monotonic() - self._beside

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        now = self._now()
        self._before, self._since = now - self._since if self.phases else 0.0, now

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        batches = int(trainer.num_training_batches), int(sum(trainer.num_val_batches))
        times = Times(before=self._before, batches=batches, ready=self._ready)
        times.accumulated = trainer.accumulate_grad_batches
        self.phases.append(times)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Finetuning):
                callback.best.pop("run", None)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close_epoch()
        self._epoch = self._train = self._now()
        if not self.phases[-1].epochs:
            self.phases[-1].around = self._epoch - self._since

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx:
            self._lap(self.phases[-1].train, "_train", pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._lap(self.phases[-1].train, "_train", pl_module)
        self._val = self._now()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._lap(self.phases[-1].val, "_val", pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._end = self._now()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close_epoch()
        self._since = self._now()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        now = self._now()
        self.phases[-1].around += now - self._since
        self._since = now

    def conclude(self, summary: dict[str, Any]) -> None:
        """The run is over."""
        self.end = self._now() - self._since

    def _close_epoch(self) -> None:
        now = self._now()
        if self._end is not None:
            self.phases[-1].epochs.append(now - self._epoch)
            self.phases[-1].saves.append(now - self._end)
            self._end = None

    def _lap(self, times: list[float], since: str, module: LightningModule) -> None:
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)  # a GPU is still at work on what it was given
        now = self._now()
        times.append(now - getattr(self, since))
        setattr(self, since, now)
