"""The LightningModule that trains one network on one task."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from tlx.errors import ConfigError, bad_value
from tlx.functional.mixup import draw_share, mix
from tlx.modules.network import Network
from tlx.types import Batch, FrontierValues, Inputs, LossTerm, Step, Task

__all__ = ["Supervised"]


class Supervised(LightningModule):
    r"""The task's loss on one network, plus the terms that callbacks add.

    With mixup (Zhang et al. 2018, arXiv 1710.09412) the loss is
    :math:`\lambda \ell(f(\tilde x), y_i) + (1 - \lambda) \ell(f(\tilde x), y_{\pi(i)})`; for
    cross-entropy that is the loss of the mixed target, for a square error it has the same gradient.

    Args:
        net: The network; every call goes through `self.net(inputs)`.
        task: What the network shall say.
        labels: Of the training samples, first axis N; weights and units come from them.
        classes: The K names.
        validated: Samples of the validation split.
        optimizer: Builds an optimizer from parameter groups.
        mixup: Alpha of the Beta distribution, >= 0; 0 mixes nothing.
    """

    def __init__(
        self,
        net: Network,
        task: Task,
        labels: NDArray[Any],
        classes: Sequence[str],
        validated: int,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        mixup: float = 0.0,
    ) -> None:
        super().__init__()
        if mixup < 0:
            raise bad_value("mixup", mixup, "a number >= 0")
        self.net = net
        self.task = task
        self.classes = tuple(classes)
        self.criterion = task.criterion(labels, classes)
        self.val_figures = task.figures(classes, validated, net.output)
        self.make_optimizer = optimizer
        self.mixup = mixup
        self.take_up: Callable[[Optimizer], None] | None = None
        """Gives an optimizer that has not stepped yet what another one remembered; None: it begins anew."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["classes"] = list(self.classes)

    def configure_optimizers(self) -> Optimizer:
        optimizer = self.make_optimizer(self.net.parameter_groups())
        if self.take_up is not None:
            self.take_up(optimizer)
        if any(getattr(term, "replaces_weight_decay", False) for term in self._loss_terms()):
            for group in optimizer.param_groups:
                group["weight_decay"] = 0.0
        self._settings = [
            {key: value for key, value in group.items() if key not in ("params", "lr")}
            for group in optimizer.param_groups
        ]
        return optimizer

    def on_train_start(self) -> None:
        """Set the optimizer as it was asked for; a checkpoint brings the settings it was written with."""
        for group, settings in zip(self.trainer.optimizers[0].param_groups, self._settings, strict=True):
            group |= settings

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """The loss to be minimised; beside it the task's own, and what each term added, by its name."""
        inputs, partners, share = self._mixed(batch.inputs)
        terms = list(self._loss_terms())
        outputs, original = self._run(inputs, any(getattr(t, "reads_original", False) for t in terms))
        loss, worth = self._measured(outputs, batch.targets, partners, share)
        step = Step(inputs, batch.targets, outputs, original)
        total, added = loss, dict[str, Tensor]()
        for term in terms:
            value = term.loss_term(self, step)
            total = total + value
            added[getattr(term, "name", type(term).__name__)] = value.detach()
        total = total * self._share_of_window(batch_idx)
        return {"loss": total, "task_loss": loss.detach(), "worth": worth.sum(), "terms": added}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        counted = batch.ids >= 0
        outputs, targets = self.net(batch.inputs)[counted].float(), batch.targets[counted]
        if len(targets):
            self.val_figures.update(outputs, targets)

    def on_validation_epoch_end(self) -> None:
        for name, value in self.val_figures.compute().items():
            self.log(f"val/{name}", torch.as_tensor(value, dtype=torch.float32), rank_zero_only=False)
        self.val_figures.reset()

    def _run(self, inputs: Inputs | FrontierValues, original: bool) -> tuple[Tensor, Tensor | None]:
        """What the network gives, and what the original head does where somebody reads it."""
        try:
            return tuple(self.net(inputs, original=True)) if original else (self.net(inputs), None)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ConfigError(
                "batch normalisation cannot train on a batch of one sample",
                fix="data.batch_size=2 or more on each device, or norms=statistics",
            ) from error

    def _mixed(self, inputs: Inputs | FrontierValues) -> tuple[Inputs | FrontierValues, Tensor | None, float]:
        if not self.mixup:
            return inputs, None, 1.0
        if not isinstance(inputs, Tensor):
            raise ConfigError("mixup mixes pictures, and these are tokens", fix="mixup=0")
        share = draw_share(self.mixup)
        partners = torch.randperm(len(inputs)).to(inputs.device)
        return mix(inputs, partners, share), partners, share

    def _measured(
        self, outputs: Tensor, targets: Tensor, partners: Tensor | None, share: float
    ) -> tuple[Tensor, Tensor]:
        """The mean loss, and the training figure of each sample."""
        seen = outputs.detach().float()
        losses, worth = self.criterion(outputs, targets), self.task.worth(seen, targets)
        if partners is not None:
            others = targets[partners]
            losses = share * losses + (1 - share) * self.criterion(outputs, others)
            worth = share * worth + (1 - share) * self.task.worth(seen, others)
        return losses.mean(), worth

    def _share_of_window(self, batch_idx: int) -> float:
        """Lightning divides every loss by the window's full length, also where an epoch cuts it short."""
        full, batches = self.trainer.accumulate_grad_batches, int(self.trainer.num_training_batches)
        cut = batches % full
        return full / cut if cut and batch_idx >= batches - cut else 1.0

    def _loss_terms(self) -> Iterator[LossTerm]:
        attached = self._trainer  # None where somebody asks for the optimizer before a fit
        callbacks = [] if attached is None else attached.callbacks  # type: ignore[attr-defined]
        return (callback for callback in callbacks if isinstance(callback, LossTerm))
