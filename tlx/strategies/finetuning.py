"""The one callback that runs any plan."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from tlx.checkpoint.position import Anchor, repaced
from tlx.errors import ConfigError, TlxError
from tlx.figures import LAST_EPOCH
from tlx.plan import PhaseEnd, Plan, best_index, ended_by, split_part

__all__ = ["Finetuning"]


UNDEFINED = {
    "val/r2": "the numbers of the validation split never vary",
    "val/average_precision": "no class has a positive sample in the validation split",
}
"""When a figure has no value, whatever the network says."""


class Finetuning(Callback):
    """Sets rates, watches the monitored value, ends phases and brings their best weights back.

    The trainable set and every rate are read off the plan at the position; the state is only
    what a position cannot tell: the ledger of phase ends, the open phase's values, and where
    the best weights lie. When a plateau ends a phase, its best weights and buffers come back and
    the optimizer's moments are cleared, then `fit` returns and the next phase starts from
    the checkpoint just as a resumed run would.

    Args:
        plan: What to run.
        monitor: The validation value that decides.
        higher_is_better: Its direction.
        save_weights: Writes the network's weights under a name and returns their hash.
        load_weights: Reads them back into the network.
        reinitialise: Gives stages random values; called before a phase that asks for it.
        pace: Batches in an epoch, and batches in an optimizer step.
    """

    def __init__(
        self,
        plan: Plan,
        monitor: str,
        higher_is_better: bool,
        save_weights: Callable[[str], str],
        load_weights: Callable[[str, str], None],
        reinitialise: Callable[[tuple[str, ...]], None],
        pace: tuple[int, int] = (1, 1),
    ) -> None:
        self.plan = plan
        self.monitor = monitor
        self.higher_is_better = higher_is_better
        self.save_weights = save_weights
        self.load_weights = load_weights
        self.reinitialise = reinitialise
        self.pace = list(pace)
        self.anchor = Anchor()
        self.ends: list[PhaseEnd] = []
        self.history: list[float] = []
        self.best: dict[str, dict[str, Any]] = {}  # "phase" and "run": epoch, value, file, hash

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.train()
        self._check_optimizer(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.train()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int
    ) -> None:
        per_epoch = -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches)
        start = self.ends[-1] if self.ends else None
        epoch, step = (start.epoch, start.step) if start else (0, 0)
        since = self.anchor.steps_between(epoch, step, trainer.global_step, per_epoch)
        rates = self.plan.rates(self.ends, step + since, per_epoch)
        by_stage = {split_part(part)[0]: rate for part, rate in rates.items()}
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = by_stage.get(group["name"].partition("/")[0], 0.0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        value = self._monitored(trainer)
        epoch = trainer.current_epoch + 1
        self.history.append(value)
        self._keep_best(trainer, value, epoch)
        phase = self.plan.phase(self.ends)
        over = ended_by(phase, self.history, self.monitor, self.higher_is_better)
        if over is None:
            return
        reason, plateau = over
        best = self.best["phase"]
        if plateau:
            self._restore(trainer)
        self.ends.append(PhaseEnd(epoch, trainer.global_step, best["epoch"], best["value"], reason, plateau))
        self.history = []
        if not self.plan.done(self.ends):
            self.reinitialise(self.plan.phase(self.ends).reinitialise)
        trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {
            "ends": [asdict(end) for end in self.ends],
            "history": list(self.history),
            "best": {scope: dict(entry) for scope, entry in self.best.items()},
            "pace": list(self.pace),
            "anchor": asdict(self.anchor),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.ends = [PhaseEnd(**end) for end in state_dict["ends"]]
        self.history = list(state_dict["history"])
        self.best = {scope: dict(entry) for scope, entry in state_dict["best"].items()}
        self.anchor = Anchor(**state_dict.get("anchor", {}))

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        repaced(checkpoint, self.pace)

    def files_in_use(self) -> dict[str, str]:
        """The weight files that the state refers to, by name, and their SHA-256."""
        return {entry["file"]: entry["sha256"] for entry in self.best.values()}

    def _monitored(self, trainer: Trainer) -> float:
        if self.monitor == LAST_EPOCH:
            return float(trainer.current_epoch + 1)
        metrics = trainer.callback_metrics
        if self.monitor not in metrics:
            raise ConfigError(
                f"monitor={self.monitor!r} was not measured in this epoch",
                fix=", ".join(sorted(metrics)) or "data with a validation split",
            )
        value = float(metrics[self.monitor])
        if math.isnan(value) and self.monitor in UNDEFINED:
            raise ConfigError(
                f"monitor={self.monitor} has no value here: {UNDEFINED[self.monitor]}",
                fix="monitor=val/loss, or another validation split",
            )
        return value

    def _keep_best(self, trainer: Trainer, value: float, epoch: int) -> None:
        entry: dict[str, Any] | None = None
        for scope in ("phase", "run"):
            known = self.best.get(scope)
            if scope == "phase" and len(self.history) == 1:
                known = None
            if known is None or best_index([known["value"], value], self.higher_is_better) == 1:
                entry = entry or self._written(epoch, value)
                self.best[scope] = entry
        if entry is not None:
            trainer.strategy.barrier("best weights")

    def _written(self, epoch: int, value: float) -> dict[str, Any]:
        name = f"best-{epoch:05d}.safetensors"
        return {"epoch": epoch, "value": value, "file": name, "sha256": self.save_weights(name)}

    def _restore(self, trainer: Trainer) -> None:
        best = self.best["phase"]
        self.load_weights(best["file"], best["sha256"])
        trainer.optimizers[0].state.clear()

    def _check_optimizer(self, trainer: Trainer, pl_module: LightningModule) -> None:
        held = {id(p) for group in trainer.optimizers[0].param_groups for p in group["params"]}
        lost = [n for n, p in pl_module.named_parameters() if p.requires_grad and id(p) not in held]
        if lost:
            raise TlxError(f"parameters would train but no optimizer holds them: {', '.join(lost[:3])}")
