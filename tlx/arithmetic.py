"""Faster arithmetic is used where it gives the same features; else the plain one, which is said."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tlx.checkpoint.durable import write_durably
from tlx.data.datamodule import TransferData
from tlx.errors import CheckpointError
from tlx.evaluation import to_device
from tlx.functional.ridge import ridge_classifier
from tlx.modules.network import Network
from tlx.trainer import TrainerSettings, World

__all__ = ["Comparison", "compared", "settled", "used_by"]

NAME = "arithmetic.json"
SAMPLES = 64
GREATEST_DIFFERENCE, GREATEST_LOSS = 0.1, 0.05


@dataclass(frozen=True)
class Comparison:
    """Features by faster arithmetic, held against those by plain one.

    Args:
        difference: Norm of the difference relative to the norm of the plain features about their mean.
        plain: Share of held-out samples that a linear head on plain features gets right, or 1 less the
            relative error where targets are numbers.
        faster: The same head on the faster features.
    """

    difference: float
    plain: float
    faster: float

    @property
    def agrees(self) -> bool:
        """Whether the faster arithmetic may be used."""
        return self.difference <= GREATEST_DIFFERENCE and self.plain - self.faster <= GREATEST_LOSS

    def words(self) -> str:
        """What was found, for people."""
        return (
            f"features differ by {self.difference:.2%} and a head on them is right in {self.faster:.0%} "
            f"instead of {self.plain:.0%}"
        )


def settled(
    settings: TrainerSettings,
    network: Network,
    data: TransferData,
    folder: Path,
    world: World,
    say: Callable[[str], None],
) -> TrainerSettings:
    """The settings a run computes by: as asked, or plain ones where the asked ones do not agree.

    Random weights are not compared: nothing has to be kept. What a run began with is what it goes on
    with.

    Args:
        settings: As asked.
        network: As it starts, on the processor.
        data: What it trains on.
        folder: The run directory, which holds the finding.
        world: This process among the others.
        say: Takes a line for people.

    Returns:
        The settings; the network's memory format is set by them.
    """
    plain = _plain(settings)
    if settings != plain and network.backbone.weights != "random":
        found = world.agree(_found(settings, network, data, folder, world) if world.is_first else None)
        asked = f"trainer.precision={settings.precision} trainer.memory_format={settings.memory_format}"
        if found.agrees:
            say(f"{asked} is used: {found.words()}")
        else:
            say(f"{asked} is not used, for {found.words()}")
            settings = plain
    network.backbone.lay_out(settings.torch_memory_format)
    return settings


def used_by(run: Path, settings: TrainerSettings) -> TrainerSettings:
    """The settings that a finished run of such settings computed by.

    Raises:
        CheckpointError: What it noted cannot be read.
    """
    found = _noted(run, settings)
    return settings if found is None or found.agrees else _plain(settings)


def compared(
    settings: TrainerSettings, network: Network, data: TransferData, device: torch.device
) -> Comparison:
    """Compare features of a few training samples, from all over the split.

    Args:
        settings: The faster arithmetic.
        network: In plain memory format; comes back so.
        data: What it trains on.
        device: Where to compute.
    """
    train = data.splits.train
    chosen = np.unique(np.linspace(0, len(train) - 1, min(SAMPLES, len(train))).astype(np.int64))
    inputs = to_device(data.first(train.subset(chosen), SAMPLES), device)
    backbone = network.backbone.to(device).eval()
    with torch.no_grad():
        plain = backbone(inputs).float().cpu()
        backbone.lay_out(settings.torch_memory_format)
        with settings.precision_context():
            faster = backbone(inputs).float().cpu()
        backbone.lay_out(torch.contiguous_format)
    labels = torch.from_numpy(np.asarray(train.labels)[chosen])
    about = plain - plain.mean(dim=0)
    difference = float((faster - plain).norm() / about.norm().clamp(min=1e-12))
    weights = ridge_classifier(plain[::2], labels[::2].long() if labels.ndim == 1 else labels[::2].float())
    return Comparison(difference, *(_right(each[1::2], labels[1::2], weights) for each in (plain, faster)))


def _plain(settings: TrainerSettings) -> TrainerSettings:
    return replace(settings, precision="32-true", memory_format="contiguous")


def _asked(settings: TrainerSettings) -> dict[str, str]:
    return {"precision": settings.precision, "memory_format": settings.memory_format}


def _noted(folder: Path, settings: TrainerSettings) -> Comparison | None:
    """What a run of such settings found at its start; None where it found nothing."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        held = json.loads(path.read_text())
        return Comparison(**held["found"]) if held["asked"] == _asked(settings) else None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{NAME} cannot be read: {error}", where=str(folder)) from error


def _found(
    settings: TrainerSettings, network: Network, data: TransferData, folder: Path, world: World
) -> Comparison:
    noted = _noted(folder, settings)
    if noted is not None:
        return noted
    found = compared(settings, network, data, settings.device(world))
    text = json.dumps({"asked": _asked(settings), "found": asdict(found)}, indent=1)
    write_durably(folder / NAME, lambda to: to.write_text(text))
    return found


def _right(features: Tensor, labels: Tensor, weights: Tensor) -> float:
    """Share that is right: of classes, of yes and no answers; of numbers, 1 less the relative error."""
    if not len(features):
        return 1.0
    predicted = torch.cat([features, features.new_ones(len(features), 1)], dim=1).double() @ weights
    if labels.ndim == 1:
        return float((predicted.argmax(dim=1) == labels).double().mean())
    if labels.is_floating_point():
        about = (labels.double() - labels.double().mean(dim=0)).norm().clamp(min=1e-12)
        return 1 - float((predicted - labels.double()).norm() / about)
    return float(((predicted > 0.5) == labels.bool()).double().mean())
