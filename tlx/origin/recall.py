"""Samples of the source that are read once and seen again and again."""

import torch
from torch import Tensor, nn

from tlx.backbones.cut import Cut
from tlx.checkpoint.randomness import seed_of
from tlx.evaluation import to_device
from tlx.types import FrontierValues, Inputs

__all__ = ["Recall"]

BLOCK = 64
"""Samples that are computed at once."""


class Recall:
    """Prepared inputs of some samples, held in memory, and what frozen stages make of them.

    Args:
        inputs: Of N samples, as a backbone reads them.
        targets: Positions among the original classes, (N,), int64.
        seed: What `draw` draws from, >= 0.
    """

    def __init__(self, inputs: Inputs, targets: Tensor, seed: int) -> None:
        self.targets, self.seed = targets, seed
        self._inputs = inputs
        self._values: FrontierValues | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def bytes(self) -> int:
        """What it holds in memory."""
        held = list(_tensors(self._inputs))
        held += list(self._values.values.values()) if self._values is not None else []
        return sum(tensor.nbytes for tensor in held)

    def take(self, ids: Tensor, device: torch.device) -> Inputs | FrontierValues:
        """The samples `ids`, (B,), as the run's network reads them now."""
        if self._values is not None:
            rows = {name: value[ids] for name, value in self._values.values.items()}
            return to_device(FrontierValues(self._values.frontier, rows), device)
        return to_device(_rows(self._inputs, ids), device)

    def draw(self, count: int, batch: int, rank: int) -> Tensor:
        """Positions of `count` samples, each equally likely, the same whenever this batch comes."""
        generator = torch.Generator().manual_seed(seed_of(self.seed, batch, rank))
        return torch.randint(len(self), (count,), generator=generator)

    def answered(self, network: nn.Module, device: torch.device) -> Tensor:
        """What a network says of every sample, (N, K)."""
        with torch.no_grad():
            blocks = [network(to_device(self._block(n), device)).cpu() for n in range(0, len(self), BLOCK)]
        return torch.cat(blocks)

    def settle(self, cut: Cut | None, device: torch.device) -> None:
        """Compute the part that stays frozen from now on, once.

        Args:
            cut: The run's network in two halves, in evaluation mode; None: nothing of it is known to be
                frozen.
            device: Where it computes.
        """
        self._values = None
        if cut is None or cut.frontier == 0:
            return
        parts = [
            {name: value.cpu() for name, value in cut.values(to_device(self._block(start), device)).items()}
            for start in range(0, len(self), BLOCK)
        ]
        joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        self._values = FrontierValues(cut.frontier, joined)

    def _block(self, start: int) -> Inputs:
        return _rows(self._inputs, torch.arange(start, min(start + BLOCK, len(self))))


def _tensors(inputs: Inputs) -> list[Tensor]:
    return list(inputs.values()) if isinstance(inputs, dict) else [inputs]


def _rows(inputs: Inputs, ids: Tensor) -> Inputs:
    if isinstance(inputs, dict):
        return {name: value[ids] for name, value in inputs.items()}
    return inputs[ids]
