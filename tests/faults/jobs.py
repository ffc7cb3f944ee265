"""Small jobs for tests that kill: a residual network with BatchNorm and dropout on made-up images."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tlx.backbones.staged import StagedBackbone
from tlx.cache.settings import CacheSettings
from tlx.data.datamodule import TransferData
from tlx.heads.linear import Linear
from tlx.job import NOTHING_KEPT, Job
from tlx.plan import Norms
from tlx.preprocessing.image import ImagePreprocessing
from tlx.strategies.gradual_unfreezing import gradual_unfreezing
from tlx.tasks.multiclass import Multiclass
from tlx.trainer import TrainerSettings
from tlx.types import Splits, Targets

CLASSES = ("left", "right", "top")
SIDE = 8


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.norm(self.conv(x)).relu())


def make_net() -> nn.Sequential:
    stages = {
        "stem": nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8)),
        "block0": Block(8),
        "block1": Block(8),
        "pool": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    }
    net = nn.Sequential()
    for name, module in stages.items():
        net.add_module(name, module)
    return net


def small_backbone() -> StagedBackbone:
    return StagedBackbone(
        make_net(),
        {"stem": ["stem"], "block0": ["block0"], "block1": ["block1", "pool"]},
        out_features=8,
        preprocessing=ImagePreprocessing(crop=SIDE, resize=SIDE, mean=(0.5,), std=(0.3,), channels=1),
        recipe={"_target_": "tests.faults.jobs.small_backbone"},
        fresh=make_net,
    )


def known_backbone() -> StagedBackbone:
    """The same with values that are not called random, and a head for classes it could have known."""
    backbone = small_backbone()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        head = nn.Linear(8, len(CLASSES), bias=False)
        nn.init.normal_(head.weight, std=0.5)
        for weight in backbone.net.parameters():
            nn.init.normal_(weight, std=0.5)
    return StagedBackbone(
        backbone.net,
        backbone.stages,
        out_features=8,
        preprocessing=backbone.preprocessing,
        recipe={"_target_": "tests.faults.jobs.known_backbone"},
        fresh=make_net,
        original_head=head,
        original_classes=CLASSES,
        weights="made up",
    )


@functools.cache
def picture(number: int, offset: int) -> Image.Image:
    pixels = np.random.default_rng(number + offset).integers(0, 160, (SIDE, SIDE))
    where = (np.s_[:, :3], np.s_[:, -3:], np.s_[:3])[number % len(CLASSES)]
    pixels[where] += 60
    return Image.fromarray(pixels.astype(np.uint8), "L")


@dataclass(frozen=True)
class MadeUpSplit:
    """Images whose bright corner is their class, computed from their index."""

    indices: Any
    offset: int
    targets: Targets = "class"

    @property
    def labels(self) -> Any:
        corner = np.asarray(self.indices) % len(CLASSES)
        if self.targets == "classes":
            return np.stack([corner == 0, corner != 1, corner == 2], axis=1).astype(np.uint8)
        if self.targets == "numbers":
            return np.stack([corner * 50.0 + 1000, 0.1 * corner**2], axis=1).astype(np.float32)
        return corner

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> Image.Image:
        return picture(int(self.indices[index]), self.offset).copy()

    def name(self, index: int) -> str:
        return f"made up {self.offset + int(self.indices[index])}"

    def subset(self, indices: Any) -> "MadeUpSplit":
        return MadeUpSplit(np.asarray(self.indices)[indices], self.offset, self.targets)

    def fingerprint(self) -> str:
        return f"{self.offset}:{list(self.indices)}"


@dataclass(frozen=True)
class MadeUp:
    """A data set without files."""

    train: int = 52
    val: int = 30
    test: int = 21
    kind: str = "image"
    flip: bool = False
    first: int = 0

    def splits(self, targets: Targets = "class") -> Splits:
        sizes = (self.train, self.val, self.test)
        made = [MadeUpSplit(np.arange(size), self.first + 1000 * n, targets) for n, size in enumerate(sizes)]
        return Splits(*made, classes=("position", "square") if targets == "numbers" else CLASSES)

    def describe(self) -> dict[str, Any]:
        return {"_target_": "tests.faults.jobs.MadeUp"}


def made_up_source(samples: int) -> TransferData:
    return TransferData(MadeUp(train=samples, val=10, test=17, first=500), eval_batch_size=8)


PLATEAU = functools.partial(
    gradual_unfreezing,
    head_epochs=4,
    epochs_per_phase=3,
    stages_per_phase=2,
    until_plateau=True,
    patience=1,
    head_rate=3e-2,
    backbone_rate=1e-2,
)
BY_EPOCHS = functools.partial(
    gradual_unfreezing,
    head_epochs=1,
    epochs_per_phase=2,
    stages_per_phase=2,
    head_rate=3e-2,
    backbone_rate=1e-2,
)


def small_job(
    *,
    seed: int = 0,
    workers: int = 0,
    strategy: Any = PLATEAU,
    source: Any = None,
    task: Any = None,
    mixup: float = 0.0,
    ema: float | None = None,
    cache: CacheSettings = NOTHING_KEPT,
    augment: str = "auto",
    optimizer: Any = None,
    norms: Norms = "train",
    regularizers: tuple[Callable[[], Any], ...] = (),
    knows: int = 0,
    page: bool = False,
    **trainer: Any,
) -> Job:
    settings = {"accelerator": "cpu", "checkpoint_steps": 2} | trainer
    task = task or Multiclass(label_smoothing=0.1)
    return Job(
        backbone=known_backbone() if regularizers or knows else small_backbone(),
        head=functools.partial(Linear, dropout=0.3),
        head_recipe={"_target_": "tlx.heads.linear.Linear", "dropout": 0.3},
        data=TransferData(
            source or MadeUp(),
            batch_size=8,
            eval_batch_size=16,
            num_workers=workers,
            seed=seed,
            augment=augment,
        ),
        strategy=strategy,
        page=page,
        optimizer=optimizer or functools.partial(torch.optim.AdamW, weight_decay=0.01),
        trainer=TrainerSettings(**settings),
        seed=seed,
        monitor=task.monitor,
        names={"model": "small", "data": "made up", "strategy": "gradual_unfreezing"},
        task=task,
        mixup=mixup,
        ema=ema,
        cache=cache,
        norms=norms,
        source=TransferData(MadeUp(train=knows, val=10, test=17, first=500), eval_batch_size=8)
        if knows
        else None,
        regularizers=tuple(make() for make in regularizers),
    )
