"""A network that tells colours and stripes apart, trained in a second on pictures that are drawn here."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from tlx.backbones.staged import StagedBackbone
from tlx.data.datamodule import TransferData
from tlx.preprocessing.image import ImagePreprocessing
from tlx.types import Splits

SIDE, CLASSES = 16, 12
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RIGHT = ImagePreprocessing(crop=SIDE, resize=SIDE, mean=MEAN, std=STD)


def pictures(count: int, seed: int, strength: float = 1.0) -> tuple[Any, Any]:
    """Values in [0, 1], shape (N, 16, 16, 3), and classes: six colours of stripes in two directions."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    colours = (
        np.array([[1, 0, 0], [1, 0.5, 0], [1, 1, 0], [0.5, 1, 0], [0, 1, 0], [1, 0, 0.5]], np.float32) - 0.5
    )
    phase, width = draw.uniform(0, 6.28, count), draw.uniform(0.8, 1.4, count)
    grid = np.arange(SIDE)[None] * width[:, None] + phase[:, None]
    waves = np.sin(grid)[:, :, None] * np.ones((1, 1, SIDE))
    across = np.where((labels % 2 == 0)[:, None, None], waves, waves.transpose(0, 2, 1))
    light = draw.normal(0, 0.12, (count, 1, 1, 3)) + np.array(MEAN)
    shades = colours[labels // 2][:, None, None] * np.maximum(across, 0)[..., None]
    values = light + strength * (0.5 * shades + draw.normal(0, 0.2, (count, SIDE, SIDE, 3)))
    return np.clip(values, 0, 1).astype(np.float32), labels


class Net(nn.Module):
    def __init__(self, norm: bool) -> None:
        super().__init__()
        self.low = nn.Sequential(
            nn.Conv2d(3, 24, 5, 2, 2), nn.BatchNorm2d(24) if norm else nn.Identity(), nn.ReLU()
        )
        self.high = nn.Sequential(
            nn.Conv2d(24, 32, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.high(self.low(x))
        return found


@functools.cache
def _trained(norm: bool, mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[Any, Any]:
    values, labels = pictures(1200, seed=1)
    inputs = torch.from_numpy((values - np.array(mean, np.float32)) / np.array(std, np.float32))
    inputs, targets = inputs.permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net, head = Net(norm), nn.Linear(128, CLASSES)
        optimizer = torch.optim.AdamW([*net.parameters(), *head.parameters()], lr=3e-3)
        for _ in range(12 if std != (1.0, 1.0, 1.0) else 24):
            for rows in torch.randperm(len(inputs)).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(head(net(inputs[rows])), targets[rows]).backward()
                optimizer.step()
    return net.eval(), head.eval()


def trained(
    norm: bool,
    preprocessing: ImagePreprocessing = RIGHT,
    of: tuple[tuple[float, ...], tuple[float, ...]] = (MEAN, STD),
    head: bool = True,
    recipe: dict[str, str] | None = None,
) -> StagedBackbone:
    """The network behind any preprocessing; `of`: the mean and std that it was trained with."""
    net, last = _trained(norm, *of)
    return StagedBackbone(
        net,
        {"low": ["low"], "high": ["high"]},
        out_features=128,
        preprocessing=preprocessing,
        recipe={"_target_": "net", **(recipe or {"mean": preprocessing.mean, "std": preprocessing.std})},
        fresh=lambda: Net(norm),
        original_head=last if head else None,
        original_classes=[str(place) for place in range(CLASSES if head else 0)],
        weights="trained",
    )


@dataclass
class Held:
    samples: Any
    labels: Any

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, index: int) -> Any:
        return self.samples[index]

    def name(self, index: int) -> str:
        return f"picture {index}"

    def subset(self, indices: Any) -> "Held":
        return Held(self.samples[indices], self.labels[indices])

    def fingerprint(self) -> str:
        return "drawn"


@dataclass
class Drawn:
    samples: Any
    labels: Any
    kind: str = "image"
    flip: bool = True

    def splits(self, targets: str = "class") -> Splits:
        held = Held(self.samples, self.labels)
        return Splits(held, held, None, tuple(str(place) for place in range(int(self.labels.max()) + 1)))

    def describe(self) -> dict[str, Any]:
        return {}


def data_of(samples: Any, labels: Any) -> TransferData:
    return TransferData(Drawn(samples, labels))
