"""What may be saved: a loss and weights that are numbers."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from tlx.checkpoint.agreement import Agreement
from tlx.errors import NumericalError

__all__ = ["FiniteLoss", "check_weights"]

ON_THE_WAY = 64
"""Losses that may be on their way from a GPU before the next step waits for the oldest."""

SHOWN = 16
FIX = (
    "lower rates (tlx plan shows them) or trainer.gradient_clip_val=1, "
    "by tlx resume RUN KEY=VALUE allow_change=true"
)


@dataclass
class _Seen:
    """The loss of one batch, and what there is to say of it."""

    loss: Tensor
    arrived: Any  # a CUDA event, or None where the loss is here
    step: int
    epoch: int
    rates: list[tuple[str, float]]
    ids: Tensor


class FiniteLoss(Callback):
    """Ends training at the first loss that is no number, before anything made of it is saved.

    On a processor each loss is looked at in its step. A GPU sends it while it computes on, and it
    is looked at once it is here, a few steps later and before anything is saved; so no step waits
    for the device, and the error names the first bad step all the same.

    Args:
        name: What to call a sample of the training split, by its position there.
        agreement: With the other ranks.
    """

    def __init__(self, name: Callable[[int], str], agreement: Agreement | None = None) -> None:
        self.name = name
        self.agreement = agreement or Agreement()
        self._seen: deque[_Seen] = deque()
        self._host: Tensor | None = None
        self._sent = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss, arrived = self._on_its_way(outputs["loss"].detach())
        groups = trainer.optimizers[0].param_groups
        self._seen.append(
            _Seen(
                loss,
                arrived,
                trainer.global_step + bool((batch_idx + 1) % trainer.accumulate_grad_batches),
                trainer.current_epoch + 1,
                [(group["name"], group["lr"]) for group in groups if group["lr"]],
                batch.ids,
            )
        )
        self._look(most=ON_THE_WAY - 1)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.check(trainer)

    def check(self, trainer: Trainer) -> None:
        """Wait for every loss, and look at every weight.

        Raises:
            NumericalError: One is not finite, on any rank.
        """
        found = ""
        try:
            self._look(most=0)
            check_weights(trainer.lightning_module, f"step {trainer.global_step}")
        except NumericalError as error:
            found = error.what
        lost = [word for word in self.agreement.gather(found) if word]
        if lost:
            raise NumericalError(lost[0], fix=FIX)

    def _on_its_way(self, loss: Tensor) -> tuple[Tensor, Any]:
        if loss.device.type != "cuda":
            return loss, None
        if self._host is None:
            self._host = torch.empty(ON_THE_WAY, dtype=torch.float64, pin_memory=True)
        place = self._host[self._sent % ON_THE_WAY]
        self._sent += 1
        place.copy_(loss.double(), non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return place, event

    def _look(self, most: int) -> None:
        """Look at every loss that is here, and wait for the oldest until at most `most` are left."""
        while self._seen:
            seen = self._seen[0]
            if seen.arrived is not None:
                if len(self._seen) > most:
                    seen.arrived.synchronize()
                elif not seen.arrived.query():
                    return
            self._seen.popleft()
            if not math.isfinite(seen.loss.item()):
                raise self._error(seen)

    def _error(self, seen: _Seen) -> NumericalError:
        ids = [number for number in seen.ids.tolist() if number >= 0]
        more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
        rates = {name.partition("/")[0]: rate for name, rate in seen.rates}
        return NumericalError(
            f"the training loss is {seen.loss.item()} at step {seen.step}, in epoch {seen.epoch}, at rates "
            + ", ".join(f"{part} {rate:.2g}" for part, rate in rates.items())
            + f", on the training samples {', '.join(map(str, ids[:SHOWN]))}{more} "
            f"(the first is {self.name(ids[0])})",
            fix=FIX,
        )


def check_weights(net: nn.Module, when: str) -> None:
    """Look at every parameter that trains and every running statistic; what is frozen cannot have changed.

    Args:
        net: The network.
        when: The moment, for people.

    Raises:
        NumericalError: One is not finite.
    """
    held: dict[str, Tensor] = {name: p for name, p in net.named_parameters() if p.requires_grad}
    held |= {name: buffer for name, buffer in net.named_buffers() if "running_" in name}
    if not held:
        return
    finite = torch.stack([tensor.detach().isfinite().all() for tensor in held.values()])
    if not bool(finite.all()):
        lost = next(name for name, good in zip(held, finite.tolist(), strict=True) if not good)
        raise NumericalError(f"the weight {lost.removeprefix('net.')} is not finite at {when}", fix=FIX)
