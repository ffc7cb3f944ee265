"""What a run is made of, as objects: before it has a directory, and once it has one."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from torch import nn
from torch.optim import Optimizer

from tlx.backbones.staged import StagedBackbone
from tlx.cache.frontier import FrontierCache
from tlx.cache.settings import CacheSettings
from tlx.data.datamodule import TransferData
from tlx.data.order import check_share
from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.figures import FIGURES, LAST_EPOCH, TASK_FIGURES, higher_is_better
from tlx.modules.averaging import WeightAveraging
from tlx.modules.network import Network
from tlx.modules.supervised import Supervised
from tlx.origin.origin import Origin
from tlx.origin.regularizer import Regularizer
from tlx.plan import HEAD, Norms, Plan, check_norms, split_part
from tlx.tasks.multiclass import Multiclass
from tlx.trainer import TrainerSettings, World
from tlx.types import Task

__all__ = ["NOTHING_KEPT", "Job", "Run"]


LEAST_MIXUP = 0.01
NOTHING_KEPT = CacheSettings(ram=0, disk=0)


@dataclass
class Job:
    """All that a run is made of, as objects.

    Args:
        backbone: With its preprocessing.
        head: Builds the head from `in_features` and `classes`.
        head_recipe: The same as plain values, for the bundle.
        data: What is learned.
        strategy: Compiles the backbone's stages to a plan. One with a keyword `counts` is given the
            training samples of each class, one with `classes` beside it their names as well.
        optimizer: Builds an optimizer from parameter groups.
        trainer: Where it runs.
        seed: Of everything random, >= 0.
        monitor: The validation value that selects the epoch, or `epoch`: the last one counts.
        task: What the network shall say.
        mixup: Alpha of the shares in which training pictures are mixed, >= 0; 0: not at all.
        ema: Decay of the moving average of the weights, in (0, 1); None: no average.
        norms: What of the backbone's norms stays frozen where their stage trains; "train": what
            the strategy's plan says, which is nothing as a rule.
        rate_scale: What every rate of the strategy's plan is multiplied by, > 0.
        stage_rates: Further factors of single stages, or the head, >= 0; 0 leaves one frozen.
        logger: Makes, for a run directory, the callback that shows results elsewhere, with
            `conclude(summary)` for the end; None: nowhere else.
        cache: What keeping the frozen part's values may cost; by default none are kept.
        source: What the weights knew before, labelled with classes of their original head; None: not at
            hand.
        regularizers: What holds on to it, each with a name of its own.
        continues: Whether the head goes on from the newest of the heads that the backbone knows.
        remembers: The run whose optimizer's memory of the weights is taken up; None: it begins without any.
        earlier: Where the run that the weights came from lies what it held on to; None: nowhere.
        page: Whether a finished run gets its page.
        origin: Makes what regularizers are given, of the arguments of `Origin`.
        names: `model`, `data` and `strategy`, for people.

    Raises:
        ConfigError: A value cannot be used, or the model does not read such data.
    """

    backbone: StagedBackbone
    head: Callable[..., nn.Module]
    head_recipe: dict[str, Any]
    data: TransferData
    strategy: Callable[..., Plan]
    optimizer: Callable[[list[dict[str, Any]]], Optimizer]
    trainer: TrainerSettings
    seed: int
    monitor: str
    names: dict[str, str]
    task: Task = field(default_factory=Multiclass)
    mixup: float = 0.0
    ema: float | None = None
    norms: Norms = "train"
    rate_scale: float = 1.0
    stage_rates: Mapping[str, float] = field(default_factory=dict)
    logger: Callable[[Path], Any] | None = None
    cache: CacheSettings = NOTHING_KEPT
    source: TransferData | None = None
    regularizers: tuple[Regularizer, ...] = ()
    continues: bool = False
    remembers: Path | None = None
    earlier: Path | None = None
    page: bool = True
    origin: Callable[..., Origin] = Origin

    def going_on(self, plan: Plan) -> set[str]:
        """Stages, and the head, that train on from what the run that they came from made of them."""
        begun = set(self.backbone.stages) | ({HEAD} if self.continues else set())
        trained = {split_part(part)[0] for phase in plan.phases for part in phase.trains}
        return begun & trained - set(plan.phases[0].reinitialise)

    def __post_init__(self) -> None:
        monitors = [*(f"val/{name}" for name in TASK_FIGURES[self.task.name]), LAST_EPOCH]
        if self.monitor not in monitors:
            raise unknown_name(f"monitor of {self.task.name}", self.monitor, monitors)
        if not isinstance(self.seed, int) or self.seed < 0:
            raise bad_value("seed", self.seed, "a whole number >= 0")
        if not isinstance(self.page, bool):
            raise bad_value("page", self.page, "true or false")
        for word, data in (("data", self.data), ("source", self.source)):
            self._check_read(word, data)
        self._check_training()
        self._check_regularizers()
        self._check_views()
        for name in ("batch_size", "eval_batch_size"):
            check_share(name, getattr(self.data, name), self.trainer.processes)
        if self.source is not None:
            check_share("eval_batch_size", self.source.eval_batch_size, self.trainer.processes, "source")
        self.data.targets = self.task.targets

    @property
    def higher_is_better(self) -> bool:
        """Direction of the monitored value."""
        return higher_is_better(self.monitor)

    def _check_read(self, word: str, data: TransferData | None) -> None:
        if data is None:
            return
        reads, kind = self.backbone.preprocessing.kind, data.source.kind
        if reads != kind:
            raise ConfigError(
                f"the model {self.names.get('model', '')} reads {reads} and the {word} is {kind}",
                fix=f"a model that reads {kind} (tlx list model), or {reads} data (tlx list data)",
            )
        data.preprocessing = self.backbone.preprocessing
        if word == "source":
            data.node, data.classes_from = word, "all"

    def _check_training(self) -> None:
        check_norms(self.norms, ())
        if not 0 < self.rate_scale < math.inf:
            raise bad_value("rate_scale", self.rate_scale, "a number > 0")
        for stage, factor in self.stage_rates.items():
            if not 0 <= factor < math.inf:
                raise bad_value(f"stage_rates.{stage}", factor, "a number >= 0")
        if not (self.mixup == 0 or LEAST_MIXUP <= self.mixup < math.inf):
            raise bad_value("mixup", self.mixup, f"0, or a number >= {LEAST_MIXUP}")
        if self.mixup and self.data.source.kind != "image":
            raise bad_value("mixup", self.mixup, "0, for it mixes pictures and this is text")
        if self.ema is not None and not 0 < self.ema < 1:
            raise bad_value("ema", self.ema, "a decay in (0, 1) such as 0.999, or null")

    def _check_views(self) -> None:
        views, said, fix = self.cache.views, "", ""
        if self.mixup:
            said, fix = "null where pictures are mixed anew in every epoch", "mixup=0, or cache.views=null"
        elif not self.data.can_vary:
            said, fix = "null for what does not vary: texts, and data.augment=none", "cache.views=null"
        if views is not None and said:
            raise bad_value("cache.views", views, said, fix)

    def _check_regularizers(self) -> None:
        """Each has a column of metrics.csv, and a place in the run's folder, under its name."""
        names = [regularizer.name for regularizer in self.regularizers]
        for name in names:
            if names.count(name) > 1 or name in FIGURES:
                raise bad_value("name of a regularizer", name, "one that no other regularizer or figure has")


@dataclass
class Run:
    """A job that has a network, a plan and a directory."""

    job: Job
    folder: Path
    world: World
    plan: Plan
    module: Supervised
    console: Console
    cache: FrontierCache
    averaging: WeightAveraging | None = None
    origin: Origin | None = None
    seconds: float = 0.0  # of training, until the newest checkpoint

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

    def tell(self, line: str) -> None:
        """Say a line and log it; the first rank's business."""
        if self.world.is_first:
            self.console.print(line, highlight=False, markup=False)
            self.log(line)
