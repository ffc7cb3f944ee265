"""An exponential moving average of the weights that train."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from tlx.errors import bad_value
from tlx.modules.network import Network

__all__ = ["WeightAveraging"]


class WeightAveraging(Callback):
    r"""Keeps :math:`\bar\theta \leftarrow d_t \bar\theta + (1 - d_t) \theta` of what trains.

    :math:`d_t = \min(d, (1 + t) / (10 + t))` after t updates of the phase, so that a short phase is
    not stuck at its start (Tan and Le 2019, arXiv 1905.11946, use the same ramp). Validation,
    selection and everything that is written use the average; training goes on from the live
    weights. Each phase starts its average from the live weights, and when a plateau brings
    older weights back, live weights and average both start from those. Buffers, and what is frozen,
    are not averaged: they are the live ones.

    Costs one more copy of the trainable parameters, in memory and in checkpoints.

    Args:
        network: Whose weights are averaged.
        decay: d, in (0, 1).
        phase: The position of the running phase.

    Raises:
        ConfigError: `decay` is out of its range.
    """

    def __init__(self, network: Network, decay: float, phase: Callable[[], int]) -> None:
        if not 0 < decay < 1:
            raise bad_value("ema", decay, "a decay in (0, 1), such as 0.999, or null")
        self.network = network
        self.decay = decay
        self.phase = phase
        self.updates = 0
        self.averages: dict[str, Tensor] = {}
        self._live: dict[str, nn.Parameter] = {}
        self._phase = 0
        self._saved: dict[str, Any] | None = None
        self._seen = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seen, self._phase = trainer.global_step, self.phase()
        self._live = dict(self.network.trainable())
        saved, self._saved = self._saved, None
        if saved is not None and saved["phase"] == self._phase:
            self.updates, kept = saved["updates"], saved["averages"]
            self.averages = {name: kept[name].to(live.device) for name, live in self._live.items()}
        else:
            self.updates = 0
            self.averages = {name: live.detach().clone() for name, live in self._live.items()}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self._seen:
            return
        self._seen = trainer.global_step
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        live = [parameter.detach() for parameter in self._live.values()]
        torch._foreach_lerp_(list(self.averages.values()), live, 1 - decay)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._swap()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network with its averaged weights; the live ones come back."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state_dict(self) -> dict[str, Any]:
        averages = {name: tensor.cpu().clone() for name, tensor in self.averages.items()}
        return {"phase": self._phase, "updates": self.updates, "averages": averages}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._saved = dict(state_dict)

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._live.items():
            average = self.averages[name]
            held = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(held)
