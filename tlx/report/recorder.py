"""The numbers of every epoch, gathered so that a kill loses none and doubles none."""

import csv
import io
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from tlx.figures import TASK_FIGURES, TRAIN_FIGURE
from tlx.run.directory import write_text

__all__ = ["Recorder"]

SUMS = 3
"""Of every run: loss, training figure, samples."""


class Recorder(Callback):
    """Writes one row of metrics.csv per epoch.

    `epoch` counts from 1, `step` optimizer steps, `phase` from 0. `train/loss` is the task's loss, beside it
    stands the task's training figure, and `train/NAME` is what the regularizer of that name added: means
    over the epoch's samples, each as the weights were when it was seen, so that the losses add up to what was
    minimised. `val/...` are the figures of validation, `rate/PART` the rates at the end of the epoch.

    The open epoch's sums, the rows so far and the training seconds are in the checkpoint: a
    resumed run has the file as it was when the checkpoint was written, whatever became of it, and
    goes on, so the file ends up the same as that of a run that was never killed. Where a regularizer is
    new since then, its cells are empty before, and its mean of the open epoch is no number.

    Args:
        path: The metrics.csv to write.
        phase: The position of the running phase.
        parts: Stages and head, in the order of their rate columns.
        task: The task's name, which says what is measured.
        terms: The names of the regularizers.
        say: Told where rows are missing, where a checkpoint of an older tlx holds none.
    """

    def __init__(
        self,
        path: Path,
        phase: Callable[[], int],
        parts: tuple[str, ...],
        task: str = "multiclass",
        terms: tuple[str, ...] = (),
        say: Callable[[str], object] = lambda line: None,
    ) -> None:
        self.path = path
        self.phase = phase
        self.say = say
        self.terms = terms
        self.train_figure = f"train/{TRAIN_FIGURE[task]}"
        self.columns = [
            "epoch",
            "step",
            "phase",
            "train/loss",
            self.train_figure,
            *(f"train/{name}" for name in terms),
            *(f"val/{name}" for name in TASK_FIGURES[task]),
            *(f"rate/{part}" for part in parts),
        ]
        self.text = ""  # of the file
        self.seconds = 0.0
        self.spent = 0.0  # on the phase before it began, which counts as training
        self.row: dict[str, Any] = {}
        self._saved_sums: list[list[float]] | None = None
        self._saved_terms: list[str] = []
        self._sums = self._zeros()  # loss and figure times samples, samples, and each term times samples
        self._since = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._sums = self._own_share(trainer).to(pl_module.device)
        self.seconds, self.spent = self.seconds + self.spent, 0.0
        self._since = time.monotonic()
        if trainer.is_global_zero:
            self._cut_back()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        samples = len(batch.targets)
        self._sums[0] += outputs["task_loss"].double() * samples
        self._sums[1] += outputs["worth"]
        self._sums[2] += samples
        for place, name in enumerate(self.terms, SUMS):
            self._sums[place] += outputs["terms"][name].double() * samples

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loss, worth, samples, *terms = self._gathered().sum(dim=0).tolist()
        self._sums.zero_()
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        rates = {g["name"].partition("/")[0]: float(g["lr"]) for g in trainer.optimizers[0].param_groups}
        self.row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "phase": self.phase(),
            "train/loss": loss / samples,
            self.train_figure: worth / samples,
            **{f"train/{name}": term / samples for name, term in zip(self.terms, terms, strict=True)},
            **{name: values[name] for name in self.columns if name in values},
            **{f"rate/{part}": rate for part, rate in rates.items()},
        }
        if trainer.is_global_zero:
            self._append()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock()

    def state_dict(self) -> dict[str, Any]:
        self._stop_clock()
        sums = self._gathered().tolist()
        return {"rows": self.text, "seconds": self.seconds, "sums": sums, "terms": list(self.terms)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        text = state_dict["rows"] if "rows" in state_dict else self._rows(state_dict["length"])
        self.text = self._under_these_columns(text)
        self.seconds = state_dict["seconds"]
        self._saved_sums, self._saved_terms = state_dict["sums"], state_dict.get("terms", [])

    def _zeros(self) -> Tensor:
        return torch.zeros(SUMS + len(self.terms), dtype=torch.float64)

    def _gathered(self) -> Tensor:
        """The sums of every rank, shape (ranks, SUMS + terms)."""
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return self._sums.unsqueeze(0)
        shares = [torch.zeros_like(self._sums) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(shares, self._sums)
        return torch.stack(shares)

    def _own_share(self, trainer: Trainer) -> Tensor:
        saved, self._saved_sums = self._saved_sums, None
        if saved is None:
            return self._zeros()
        shares = self._for_these_terms(torch.tensor(saved, dtype=torch.float64))
        if len(shares) == trainer.world_size:
            return shares[trainer.global_rank]
        return shares.sum(dim=0) if trainer.is_global_zero else self._zeros()

    def _for_these_terms(self, shares: Tensor) -> Tensor:
        """Sums of the terms that there are now; no number where samples were seen without a record of one."""
        unknown = torch.zeros(len(shares), dtype=shares.dtype).where(shares[:, 2] == 0, math.nan)
        held = {name: shares[:, place] for place, name in enumerate(self._saved_terms, SUMS)}
        return torch.stack([*shares[:, :SUMS].T, *(held.get(name, unknown) for name in self.terms)], dim=1)

    def _under_these_columns(self, text: str) -> str:
        """Rows of before with an empty cell for what is new; what a regularizer added that is gone stays."""
        rows = csv.DictReader(io.StringIO(text))
        found = list(rows.fieldnames or ())
        self.columns += [name for name in found if name.startswith("train/") and name not in self.columns]
        if found in ([], self.columns):
            return text
        kept = ({name: row[name] for name in self.columns if name in row} for row in rows)
        return _lines(self.columns, kept, header=True)

    def _stop_clock(self) -> None:
        now = time.monotonic()
        if self._since:
            self.seconds += now - self._since
            self._since = now

    def _rows(self, length: int) -> str:
        """What the file held when a checkpoint was written that knows its length only."""
        found = self.path.read_bytes()[:length] if self.path.is_file() else b""
        whole, end, _ = found.decode("utf-8", "replace").rpartition("\n")
        if len(found) < length:
            self.say(f"{self.path.name} was damaged; epochs before this one are missing in it")
        return whole + end

    def _cut_back(self) -> None:
        self.text = self.text or ",".join(self.columns) + "\n"
        write_text(self.path, self.text)

    def _append(self) -> None:
        line = _lines(self.columns, [self.row])
        with self.path.open("a") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.text += line


def _lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], header: bool = False) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
