"""The LightningModule that the rows of Lightning and of finetuning-scheduler share."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F

from scripts.bench.rows.clock import Clock

__all__ = ["Classifier", "Timing", "trainer_of"]

BARE = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}
"""All that Lightning can leave out."""


class Classifier(LightningModule):
    """A backbone and a head, trained by Adam at one rate.

    Args:
        net: ResNet-18 with its new head.
        rate: Of what trains at the start.
    """

    def __init__(self, net: nn.Module, rate: float = 1e-3) -> None:
        super().__init__()
        parts = OrderedDict(net.named_children())
        self.head = parts.pop("fc")
        self.backbone = nn.Sequential(parts)
        self.rate = rate

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.head(torch.flatten(self.backbone(inputs), 1))
        return outputs

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        loss = F.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        outputs = self(batch[0])
        self.log("val_loss", F.cross_entropy(outputs, batch[1]))
        self.log("val_accuracy", (outputs.argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW([p for p in self.parameters() if p.requires_grad], lr=self.rate)


class Timing(Callback):
    """Starts and stops the clock, and gathers the mean loss of each epoch."""

    def __init__(self) -> None:
        self.clock, self.losses = Clock(), list[float]()
        self._open: list[Tensor] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.clock.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._open.append(outputs["loss"].detach())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.losses.append(float(torch.stack(self._open).mean()))
        self._open = []

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.clock.stop()


def trainer_of(setting: str, epochs: int, folder: Path, callbacks: list[Callback]) -> Trainer:
    """A Trainer at its defaults, or with nothing that costs and can be left out.

    Args:
        setting: `default` or `bare`.
        epochs: Of the whole run.
        folder: For logs and checkpoints.
        callbacks: In their order.
    """
    more: dict[str, Any] = BARE if setting == "bare" else {}
    return Trainer(accelerator="cpu", max_epochs=epochs, default_root_dir=folder, callbacks=callbacks, **more)
