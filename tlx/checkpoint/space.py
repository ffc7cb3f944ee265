"""Whether the disk has room for what a run will keep there."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from tlx.errors import ResourceError

__all__ = ["AROUND", "CHECKPOINTS", "bytes_kept", "check_space"]

CHECKPOINTS = 3
"""The two that are kept, and the one that is being written."""

WEIGHT_FILES = 4
"""The best of the phase, of the run, the one that is being written, and the bundle."""


AROUND = 128
"""Bytes at most that a small file with its hash, or a tensor in a file, takes beside numbers and its name."""


def bytes_kept(
    net: nn.Module,
    trained: int,
    optimizer: Callable[[list[dict[str, Any]]], Optimizer],
    averaged: bool = False,
) -> int:
    """Bytes that a run keeps on the disk at most, without its page and its figures.

    Args:
        net: The network.
        trained: The most bytes of weights that train in any phase.
        optimizer: Builds the optimizer; what it keeps for a weight is tried on one that nobody trains.
        averaged: Whether a moving average of the weights is kept too.
    """
    tensors = (*net.parameters(), *net.buffers())
    weights = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    checkpoint = weights * (1 + averaged) + trained * _states_of_a_weight(optimizer)
    return CHECKPOINTS * checkpoint + WEIGHT_FILES * weights


def check_space(folder: Path, needed: int, others: Sequence[Path] = ()) -> None:
    """Refuse to begin what would fill the disk; what lies there already will be replaced.

    Args:
        folder: Where checkpoints lie; it is there.
        needed: Bytes of all that a run keeps.
        others: Further folders of the run that it lies in, made or not.

    Raises:
        ResourceError: There is less room.
    """
    there = (path for place in (folder, *others) for path in place.glob("*") if path.is_file())
    missing = needed - sum(path.stat().st_size for path in there)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise ResourceError(
            f"the run keeps up to {_megabytes(needed)} of checkpoints, weights and what it holds on to, and "
            f"{_megabytes(free)} are free",
            where=str(folder),
            fix="free some space, or run_dir=FOLDER on another disk",
        )


def _states_of_a_weight(optimizer: Callable[[list[dict[str, Any]]], Optimizer]) -> int:
    """Numbers that the optimizer keeps for each weight, 2 with Adam."""
    weight = nn.Parameter(torch.zeros(7))
    tried = optimizer([{"params": [weight], "lr": 0.0}])
    weight.grad = torch.zeros_like(weight)
    tried.step()
    kept = tried.state.get(weight, {}).values()
    return sum(isinstance(value, torch.Tensor) and value.shape == weight.shape for value in kept)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
