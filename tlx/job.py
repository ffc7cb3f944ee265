"""What a run is made of, as objects: before it has a directory, and once it has one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn
from torch.optim import Optimizer

from tlx.backbones.staged import StagedBackbone
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError, bad_value
from tlx.modules.classifier import Classifier
from tlx.modules.network import Network
from tlx.plan import Plan
from tlx.trainer import TrainerSettings, World

__all__ = ["Job", "Run"]

LOWER_IS_BETTER = ("val/loss", "val/calibration_error")
MONITORS = ("val/accuracy", "val/f1", *LOWER_IS_BETTER)


@dataclass
class Job:
    """All that a run is made of, as objects.

    Args:
        backbone: With its preprocessing.
        head: Builds the head from `in_features` and `classes`.
        head_recipe: The same as plain values, for the bundle.
        data: What is learned.
        strategy: Compiles the backbone's stages to a plan.
        optimizer: Builds an optimizer from parameter groups.
        trainer: Where it runs.
        seed: Of everything random, >= 0.
        monitor: The validation value that selects the epoch.
        label_smoothing: In [0, 1).
        names: `model`, `data` and `strategy`, for people.

    Raises:
        ConfigError: A value cannot be used, or the model does not read such data.
    """

    backbone: StagedBackbone
    head: Callable[..., nn.Module]
    head_recipe: dict[str, Any]
    data: TransferData
    strategy: Callable[[Sequence[str]], Plan]
    optimizer: Callable[[list[dict[str, Any]]], Optimizer]
    trainer: TrainerSettings
    seed: int
    monitor: str
    label_smoothing: float
    names: dict[str, str]

    def __post_init__(self) -> None:
        if self.monitor not in MONITORS:
            raise bad_value("monitor", self.monitor, f"one of {', '.join(MONITORS)}")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise bad_value("seed", self.seed, "a whole number >= 0")
        reads, kind = self.backbone.preprocessing.kind, self.data.source.kind
        if reads != kind:
            raise ConfigError(
                f"the model {self.names.get('model', '')} reads {reads} and the data is {kind}",
                fix=f"a model that reads {kind} (tlx list model), or {reads} data (tlx list data)",
            )

    @property
    def higher_is_better(self) -> bool:
        """Direction of the monitored value."""
        return self.monitor not in LOWER_IS_BETTER


@dataclass
class Run:
    """A job that has a network, a plan and a directory."""

    job: Job
    folder: Path
    world: World
    plan: Plan
    module: Classifier
    console: Console

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints and best weights lie."""
        return self.folder / "checkpoints"

    @property
    def network(self) -> Network:
        """The network that trains."""
        return self.module.net

    def log(self, line: str) -> None:
        """Add a line to log.txt; the first rank's business."""
        if self.world.is_first:
            with (self.folder / "log.txt").open("a") as file:
                file.write(line + "\n")
