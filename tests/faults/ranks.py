"""What each of several ranks holds when a phase ends, written down for comparison."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from tests.faults import jobs
from tlx.strategies.finetuning import Finetuning
from tlx.trainer import TrainerSettings


class WriteDown(Callback):
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        held = {
            "weights": pl_module.state_dict(),
            "moments": trainer.optimizers[0].state_dict()["state"],
            "ends": len(_ledger(trainer).ends),
        }
        torch.save(held, self.folder / f"{held['ends']}-{trainer.global_rank}.pt")


def write_down(folder: Path) -> None:
    """Have every rank of this run write down what it holds at each phase's end."""
    original = TrainerSettings.make

    def make(self: TrainerSettings, epochs: int, callbacks: list[Any], where: Path) -> Any:
        return original(self, epochs, [*callbacks, WriteDown(folder)], where)

    TrainerSettings.make = make  # type: ignore[method-assign]


def thaw_inside_a_running_fit(folder: Path) -> None:
    """What Lightning's own finetuning callback does: unfreeze after DDP has wrapped the module."""
    write_down(folder)

    def thaw(self: Finetuning, trainer: Trainer, pl_module: Any) -> None:
        if trainer.current_epoch == 1:
            pl_module.net.freeze_except((*self.plan.stages, "head"))
        pl_module.train()

    def all_rates(self: Finetuning, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = 1e-2

    Finetuning.on_train_epoch_start = thaw  # type: ignore[method-assign]
    Finetuning.on_train_batch_start = all_rates  # type: ignore[method-assign]


def phases_written(folder: Path) -> list[int]:
    return sorted({int(path.name.partition("-")[0]) for path in folder.glob("*.pt")})


def differing(folder: Path, phase: int, ranks: Sequence[int] = (0, 1)) -> list[str]:
    """Names of the tensors in which ranks differ, by a single bit, at a phase's end."""
    one, other = (_flat(torch.load(folder / f"{phase}-{rank}.pt", weights_only=True)) for rank in ranks)
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


def _flat(value: Any, name: str = "") -> dict[str, torch.Tensor]:
    if isinstance(value, dict):
        return {k: t for key, item in value.items() for k, t in _flat(item, f"{name}/{key}").items()}
    return {name: torch.as_tensor(value)}


def _ledger(trainer: Trainer) -> Finetuning:
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return next(callback for callback in callbacks if isinstance(callback, Finetuning))


def of_single_samples(batch_norm: bool = False) -> None:
    """Have small jobs draw nothing at random while training and, unless wished, take no batch statistics."""
    make_net, linear = jobs.make_net, jobs.Linear

    def made() -> nn.Sequential:
        net = make_net()
        for parent in list(net.modules()):
            for name, child in parent.named_children():
                if isinstance(child, nn.Dropout) or (isinstance(child, nn.BatchNorm2d) and not batch_norm):
                    setattr(parent, name, nn.Identity())
        return net

    jobs.make_net = made
    jobs.Linear = functools.partial(_without_dropout, linear)  # type: ignore[assignment, misc]


def _without_dropout(linear: Any, dropout: float, **sizes: int) -> Any:
    return linear(dropout=0.0 * dropout, **sizes)
