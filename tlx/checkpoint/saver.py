"""When a checkpoint is written, under which name, and which ones are kept."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from tlx.checkpoint.durable import SUFFIX, DurableCheckpointIO, checkpoints
from tlx.checkpoint.position import batches_processed
from tlx.errors import bad_value

__all__ = ["Saver"]

STEPS_BETWEEN_AGREEMENTS = 16
"""How often several ranks agree on whether it is time to save."""


class Saver(Checkpoint):
    """Saves at every epoch's end, after `seconds` and after `steps` within an epoch.

    The name of a checkpoint is its position, twice the batches processed plus one at an epoch's
    end, so the newest is the last by name. Never on an epoch's last batch (that epoch's
    validation would be lost on resume) and only between optimizer steps (gathered gradients are
    in no checkpoint). The newest two are kept.

    Args:
        folder: Where checkpoints lie.
        seconds: Save at the latest after so many seconds of training, > 0.
        steps: Save every so many optimizer steps as well; None: not by steps.
        check: Raises where the state must not be saved.
        in_use: The weight files in `folder` that the state refers to, by name, and their
            SHA-256; others go once no kept checkpoint refers to them.
    """

    def __init__(
        self,
        folder: Path,
        seconds: float = 60.0,
        steps: int | None = None,
        in_use: Callable[[], dict[str, str]] = dict,
        check: Callable[[Trainer], None] = lambda trainer: None,
    ) -> None:
        if seconds <= 0:
            raise bad_value("checkpoint_seconds", seconds, "a number > 0")
        if steps is not None and steps < 1:
            raise bad_value("checkpoint_steps", steps, "a whole number >= 1, or null")
        self.folder = folder
        self.seconds = seconds
        self.steps = steps
        self.in_use = in_use
        self.check = check
        self._used_before: dict[str, str] = {}
        self._last = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last = time.monotonic()
        self._used_before = self.in_use()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        progress = trainer.fit_loop.epoch_loop.batch_progress
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if stepped and not progress.is_last_batch and self._due(trainer):
            self._save(trainer, 2 * batches_processed(trainer))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save(trainer, 2 * batches_processed(trainer) + 1)

    def _due(self, trainer: Trainer) -> bool:
        step = trainer.global_step
        if self.steps is not None and step % self.steps == 0:
            return True
        late = time.monotonic() - self._last >= self.seconds
        if trainer.world_size == 1:
            return late
        if step % STEPS_BETWEEN_AGREEMENTS:
            return False
        return bool(trainer.strategy.broadcast(late, 0))

    def _save(self, trainer: Trainer, position: int) -> None:
        self.check(trainer)
        trainer.save_checkpoint(self.folder / f"{position:012d}{SUFFIX}", storage_options=self.in_use())
        self._last = time.monotonic()
        if trainer.is_global_zero:
            self._prune()

    def _prune(self) -> None:
        for path in checkpoints(self.folder)[:-2]:
            DurableCheckpointIO().remove_checkpoint(path)
        used = self.in_use()
        for path in self.folder.glob("*.safetensors"):
            if path.name not in used | self._used_before:
                path.unlink(missing_ok=True)
        self._used_before = used
