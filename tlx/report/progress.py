"""What a run says while it trains: a bar with the rates, or one line per epoch."""

from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["ProgressDisplay"]


class ProgressDisplay(Callback):
    """A rich bar per epoch on a terminal, and a line per epoch everywhere.

    Args:
        console: Where to write; its `is_terminal` decides whether there is a bar.
        describe_epoch: The line for the epoch that just ended.
        write_log: Takes the same line for the run's log.
    """

    def __init__(
        self, console: Console, describe_epoch: Callable[[], str], write_log: Callable[[str], None]
    ) -> None:
        self.console = console
        self.describe_epoch = describe_epoch
        self.write_log = write_log
        self._bar: Progress | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero and self.console.is_terminal:
            self._close()
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(
                *columns, TextColumn("{task.fields[rates]}"), console=self.console, transient=True
            )
            self._bar.add_task(
                f"epoch {trainer.current_epoch + 1}", total=trainer.num_training_batches, rates=""
            )
            self._bar.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=batch_idx + 1, rates=_rates(trainer))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close()
        if trainer.is_global_zero:
            line = self.describe_epoch()
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)
            self.write_log(line)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _rates(trainer: Trainer) -> str:
    groups = trainer.optimizers[0].param_groups
    by_part = {group["name"].partition("/")[0]: group["lr"] for group in groups if group["lr"] > 0}
    return "  ".join(f"{part} {rate:.1e}" for part, rate in by_part.items())
