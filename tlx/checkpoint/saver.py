"""When a checkpoint is written, under which name, and which ones are kept."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from tlx.checkpoint.agreement import Agreement
from tlx.checkpoint.durable import SUFFIX, DurableCheckpointIO, checkpoints
from tlx.checkpoint.position import batches_processed
from tlx.errors import ResourceError, bad_value

__all__ = ["Saver", "Stopped"]


class Stopped(Exception):  # noqa: N818  # nothing went wrong
    """Training ended as somebody asked, and all of it is saved.

    Args:
        number: The signal that asked for it.
        step: Optimizer steps of the run until then.
    """

    def __init__(self, number: int, step: int) -> None:
        super().__init__(number, step)
        self.number, self.step = number, step


class Saver(Checkpoint):
    """Saves at every epoch's end, after `seconds`, after `steps` within an epoch, and before it stops.

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
        asked: The signal that asked this process to end, or 0: then the next optimizer step is
            saved, on every rank, and `Stopped` is raised.
        agreement: With the other ranks.
    """

    def __init__(
        self,
        folder: Path,
        seconds: float = 60.0,
        steps: int | None = None,
        in_use: Callable[[], dict[str, str]] = dict,
        check: Callable[[Trainer], None] = lambda trainer: None,
        asked: Callable[[], int] = int,
        agreement: Agreement | None = None,
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
        self.asked = asked
        self.agreement = agreement or Agreement()
        self._stop = 0
        self._used_before: dict[str, str] = {}
        self._last = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last = time.monotonic()
        self._used_before = self.in_use()
        self.agreement.begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        late = time.monotonic() - self._last >= self.seconds
        stop, due = self.agreement.exchange(self.asked(), int(late))
        self._stop = self._stop or stop
        if trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            return
        by_steps = self.steps is not None and trainer.global_step % self.steps == 0
        if self._stop or due or by_steps:
            self._save(trainer, 2 * batches_processed(trainer))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        stop, _ = self.agreement.exchange(self.asked(), 0)
        self._stop = self._stop or stop
        self._save(trainer, 2 * batches_processed(trainer) + 1)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.agreement.end()

    def _save(self, trainer: Trainer, position: int) -> None:
        """Write a checkpoint, and stop there if that was asked for.

        Raises:
            ResourceError: The folder is gone, as when a disk was taken away.
            Stopped: It is written, and somebody asked for the end.
        """
        stop, _ = self.agreement.settle()  # of a save that has come by now
        self._stop = self._stop or stop
        self.check(trainer)
        if trainer.is_global_zero and not self.folder.is_dir():
            raise ResourceError(
                "the run directory is gone while it trains", where=str(self.folder), fix="the disk it lies on"
            )
        trainer.save_checkpoint(self.folder / f"{position:012d}{SUFFIX}", storage_options=self.in_use())
        self._last = time.monotonic()
        if trainer.is_global_zero:
            self._prune()
        if self._stop:
            raise Stopped(self._stop, trainer.global_step)

    def _prune(self) -> None:
        for path in checkpoints(self.folder)[:-2]:
            DurableCheckpointIO().remove_checkpoint(path)
        used = self.in_use()
        for path in self.folder.glob("*.safetensors"):
            if path.name not in used | self._used_before:
                path.unlink(missing_ok=True)
        self._used_before = used
