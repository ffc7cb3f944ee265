"""The temperature of a run: fitted on its validation samples, measured on others."""

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlx.errors import ConfigError
from tlx.figures import known
from tlx.functional.calibration import Ended, best_temperature, likelihood_sums
from tlx.metrics.reliability import Reliability
from tlx.metrics.tally import Tally

__all__ = ["LOGITS", "Calibration", "HeldOut", "WithTemperature"]

LOGITS = 2**26
"""So many logits of the validation samples are kept at most, over all ranks: 268 MB."""

PART = 2**17
"""Logits that are computed with at a time: in double precision some 5 MB, which a processor has at hand."""


class Calibration(NamedTuple):
    """What a run divides logits by before they become probabilities.

    Args:
        value: The temperature, > 0. It is 1 where none can be told: where the likelihood grows without an
            end as T falls, which would make every answer certain, or where the logits are all equal or not
            finite.
        samples: How many validation samples it was fitted on.
        ended: How the fit ended, see `tlx.functional.calibration.Temperature`; "none": logits that are
            not finite.
    """

    value: float
    samples: int
    ended: Ended | Literal["none"]


class HeldOut:
    """Keeps the logits of validation samples as they come, and fits the temperature on them.

    Each rank keeps those of its share, where they were computed: 4 bytes for each of K logits of a sample
    and 4 for its class, or K for its answers. Of more than `LOGITS` logits in all, those of samples drawn by
    the seed are kept, the same ones on any number of ranks: 67,108 samples of 1000 classes tell a temperature
    to about a hundredth. A step of the fit adds four numbers over the ranks.

    Args:
        samples: In the split, over all ranks.
        classes: K.
        seed: Draws the samples where there are too many.
    """

    def __init__(self, samples: int, classes: int, seed: int) -> None:
        most = max(1, LOGITS // classes)
        self._parts: list[tuple[Tensor, Tensor]] = []
        self._open: list[tuple[Tensor, Tensor]] = []
        self._size = 0
        self._chosen: Tensor | None = None
        if samples > most:
            order = torch.randperm(samples, generator=torch.Generator().manual_seed(seed))
            self._chosen = torch.zeros(samples, dtype=torch.bool)
            self._chosen[order[:most]] = True

    def update(self, outputs: Tensor, targets: Tensor, ids: Tensor) -> None:
        """Add a batch of outputs (B, K), targets (B,) or (B, K), and ids (B,)."""
        if self._chosen is not None:
            self._chosen = self._chosen.to(ids.device)
            mine = self._chosen[ids]
            outputs, targets = outputs[mine], targets[mine]
        self._open.append((outputs, targets.to(torch.int32 if targets.ndim == 1 else torch.uint8)))
        self._size += outputs.numel()
        if self._size >= PART:
            self._close()

    def fit(self, device: torch.device) -> Calibration:
        """The temperature, the same on every rank; each of them has to call."""
        self._close()
        mine = sum(len(logits) for logits, _ in self._parts)
        samples = over_ranks(torch.tensor([mine], dtype=torch.float64, device=device))

        def sums_at(sharpness: float) -> Tensor:
            sums = torch.zeros(4, dtype=torch.float64, device=device)
            for logits, targets in self._parts:
                sums += likelihood_sums(logits, targets, sharpness)
            return over_ranks(sums)

        try:
            found = best_temperature(sums_at)
        except ConfigError:  # a run ends all the same, and its figures say what they are
            return Calibration(1.0, int(samples), "none")
        return Calibration(1.0 if found.ended == "low" else found.value, int(samples), found.ended)

    def _close(self) -> None:
        if self._open:
            logits, targets = zip(*self._open, strict=True)
            self._parts.append((torch.cat(logits), torch.cat(targets)))
            self._open, self._size = [], 0


def over_ranks(sums: Tensor) -> Tensor:
    """The sums (S,) of all ranks added up, to the same bits on each."""
    tally = Tally(len(sums)).to(sums.device)
    tally.update(sums[None])
    return tally.compute()[1]


class WithTemperature(nn.Module):
    """Loss and calibration error of probabilities from logits over a temperature.

    Args:
        temperature: > 0.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.reliability = Reliability()
        self.losses = Tally(1)

    def update(self, outputs: Tensor, targets: Tensor, ids: Tensor) -> None:
        """Add a batch of outputs (B, K), targets (B,) or (B, K), and ids (B,)."""
        scaled = outputs / self.temperature
        if targets.ndim == 1:
            self.reliability.update(scaled.softmax(dim=1), targets)
            self.losses.update(F.cross_entropy(scaled, targets, reduction="none")[:, None])
            return
        yes = scaled.sigmoid().flatten()
        self.reliability.update(torch.stack([1 - yes, yes], dim=1), targets.long().flatten())
        losses = F.binary_cross_entropy_with_logits(scaled, targets.float(), reduction="none")
        self.losses.update(losses.flatten()[:, None])

    def result(self) -> dict[str, Any]:
        """What evaluation.json holds under `calibrated`."""
        count, total = self.losses.compute()
        error = float(self.reliability.compute())
        self.reliability.sync()
        return {
            "temperature": self.temperature,
            "metrics": {"loss": known(float(total / count)), "calibration_error": known(error)},
            "reliability": self.reliability.diagram(),
        }
