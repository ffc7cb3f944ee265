"""Results for TensorBoard, beside metrics.csv and read off it."""

import csv
import functools
import json
import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tlx.errors import ConfigError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["TensorBoard", "tensorboard"]

PATTERN = "events.out.tfevents.*"
PLAIN = (bool, int, float, str)


def tensorboard(folder: str | None = None) -> "functools.partial[TensorBoard]":
    """What makes the callback of a run.

    Args:
        folder: Where a folder named after the run is made; None: `tensorboard/` in the run.

    Raises:
        ConfigError: The package tensorboard is missing.
    """
    if find_spec("tensorboard") is None:
        raise ConfigError(
            "logger=tensorboard needs the package tensorboard, which is not installed",
            fix="pip install tlx[tensorboard], or logger=none",
        )
    return functools.partial(TensorBoard, folder=folder)


class TensorBoard(Callback):
    """Writes every row of metrics.csv as scalars over optimizer steps, and marks the phases.

    metrics.csv is the truth: whenever training starts, resumes or ends, its rows are written
    again to a new event file and the older ones go. So a run that was killed shows no step
    twice and loses none, whatever the killed process had still in its buffers. `phase` is a
    scalar counted from 1, and a text at the first epoch of each phase. At the end come the
    figures of summary.json as scalars, and with the settings as a row of the HPARAMS page.

    Args:
        run: The run directory.
        settings: What the run was asked for, by dotted keys.
        folder: Where a folder named after the run is made; None: `tensorboard/` in the run.
    """

    def __init__(self, run: Path, settings: Mapping[str, Any], folder: str | None = None) -> None:
        self.run = run
        self.settings = settings
        self.folder = run / "tensorboard" if folder is None else Path(folder).expanduser() / run.name
        self._writer: SummaryWriter | None = None
        self._written = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            self._open()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._writer is not None:
            self._catch_up(self._writer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._close()

    def conclude(self, summary: Mapping[str, Any]) -> None:
        """Write the whole run once more, with its figures and settings.

        Args:
            summary: As in summary.json.
        """
        from torch.utils.tensorboard.summary import hparams

        writer = self._open()
        figures = {
            f"final/{name}": float(value) for name, value in summary.items() if _is_figure(name, value)
        }
        settings = {
            name: value if isinstance(value, PLAIN) else str(value) for name, value in self.settings.items()
        }
        for line in hparams(settings, figures):  # type: ignore[no-untyped-call]
            writer._get_file_writer().add_summary(line)  # type: ignore[no-untyped-call]
        for name, value in figures.items():
            writer.add_scalar(name, value, int(summary["train/steps"]))
        self._close()

    def _open(self) -> "SummaryWriter":
        from torch.utils.tensorboard import SummaryWriter

        self._close()
        before = list(self.folder.glob(PATTERN))
        writer = SummaryWriter(str(self.folder), purge_step=0)
        self._writer, self._written = writer, 0
        self._catch_up(writer)
        for path in before:
            path.unlink(missing_ok=True)
        return writer

    def _catch_up(self, writer: "SummaryWriter") -> None:
        """Write the rows of metrics.csv that are not written yet."""
        with (self.run / "metrics.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        names = _phase_names(self.run)
        for number, row in enumerate(rows[self._written :], start=self._written):
            step, phase = int(row["step"]), int(row["phase"])
            if number == 0 or rows[number - 1]["phase"] != row["phase"]:
                name = names[phase] if phase < len(names) else ""
                writer.add_text("phase", f"{phase + 1} of {len(names)}: {name}", step)
            writer.add_scalar("phase", phase + 1, step)
            for column, value in row.items():
                if column not in ("step", "phase") and value:
                    writer.add_scalar(column, float(value), step)
        self._written = len(rows)
        writer.flush()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _phase_names(run: Path) -> list[str]:
    return [str(phase["name"]) for phase in json.loads((run / "plan.json").read_text())["phases"]]


def _is_figure(name: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and name != "seed" and math.isfinite(value)
