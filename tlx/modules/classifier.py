"""The LightningModule that trains one network on one classification task."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torchmetrics import MeanMetric, Metric
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from tlx.errors import bad_value
from tlx.modules.network import Network
from tlx.modules.reliability import Reliability
from tlx.types import Batch, LossTerm, Step

__all__ = ["Classifier"]


class Classifier(LightningModule):
    """Cross-entropy on one network, plus the terms that callbacks add.

    Args:
        net: The network; every call goes through `self.net(inputs)`.
        classes: K.
        optimizer: Builds an optimizer from parameter groups.
        label_smoothing: Share of each target spread over all classes, in [0, 1)
            (Szegedy et al. 2016, arXiv 1512.00567).
    """

    def __init__(
        self,
        net: Network,
        classes: int,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise bad_value("label_smoothing", label_smoothing, "a share in [0, 1)")
        self.net = net
        self.classes = classes
        self.make_optimizer = optimizer
        self.label_smoothing = label_smoothing
        self.val_metrics = nn.ModuleDict(
            {
                "loss": MeanMetric(),
                "accuracy": MulticlassAccuracy(classes, average="micro"),
                "f1": MulticlassF1Score(classes, average="macro"),
                "calibration_error": Reliability(),
            }
        )

    def configure_optimizers(self) -> Optimizer:
        return self.make_optimizer(self.net.parameter_groups())

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        logits = self.net(batch.inputs)
        loss = F.cross_entropy(logits, batch.targets, label_smoothing=self.label_smoothing)
        step = Step(batch.inputs, batch.targets, logits)
        total = loss
        for term in self._loss_terms():
            total = total + term.loss_term(self, step)
        total = total * self._share_of_window(batch_idx)
        hits = (logits.detach().argmax(dim=1) == batch.targets).sum()
        return {"loss": total, "task_loss": loss.detach(), "hits": hits}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        counted = batch.ids >= 0
        logits, targets = self.net(batch.inputs)[counted].float(), batch.targets[counted]
        if len(targets) == 0:
            return
        probabilities = logits.softmax(dim=1)
        metrics = self._metrics()
        metrics["loss"].update(F.cross_entropy(logits, targets), len(targets))
        for name in ("accuracy", "f1", "calibration_error"):
            metrics[name].update(probabilities, targets)

    def on_validation_epoch_end(self) -> None:
        for name, metric in self._metrics().items():
            value = metric.compute()
            self.log(f"val/{name}", torch.as_tensor(value, dtype=torch.float32), rank_zero_only=False)
            metric.reset()

    def _share_of_window(self, batch_idx: int) -> float:
        """Lightning divides every loss by the window's full length, also where an epoch cuts it short."""
        full, batches = self.trainer.accumulate_grad_batches, int(self.trainer.num_training_batches)
        cut = batches % full
        return full / cut if cut and batch_idx >= batches - cut else 1.0

    def _metrics(self) -> dict[str, Metric]:
        return cast("dict[str, Metric]", dict(self.val_metrics.items()))

    def _loss_terms(self) -> Iterator[LossTerm]:
        callbacks = self.trainer.callbacks  # type: ignore[attr-defined]  # set dynamically by Lightning
        return (callback for callback in callbacks if isinstance(callback, LossTerm))
