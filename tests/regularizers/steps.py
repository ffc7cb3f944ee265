"""One training step, as a regularizer sees it."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer

from tlx.modules.network import Network
from tlx.types import Step

INPUTS = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
TARGETS = torch.arange(6) % 3


def started(regularizer: Any) -> Any:
    """What a phase does before its first step."""
    if hasattr(regularizer, "on_train_start"):
        regularizer.on_train_start(Trainer.__new__(Trainer), LightningModule())
    return regularizer


def step_of(network: Network, original: bool = True) -> Step:
    if not original:
        return Step(INPUTS, TARGETS, network(INPUTS))
    outputs, known = network(INPUTS, original=True)
    return Step(INPUTS, TARGETS, outputs, known)
