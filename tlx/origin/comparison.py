"""What the network and the original one say of the same samples."""

from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import ConfigError, unknown_name
from tlx.functional.buffer import reservoir
from tlx.origin.origin import Origin
from tlx.origin.ranges import check_count, check_ratio
from tlx.origin.recall import Recall
from tlx.types import Step

__all__ = ["RATIO", "SAMPLES", "Answers", "Comparison"]

SAMPLES, RATIO = 500, 1.0
"""How many samples of the source are kept, and seen for each sample of a batch, where nobody says."""

INPUTS = ("auto", "source", "target")


class Answers(NamedTuple):
    """Logits of the original classes, (B, K of the source)."""

    now: Tensor  # with a gradient
    before: Tensor
    sizes: tuple[int, ...]  # of the heads that K are of

    def by_head(self) -> list[tuple[Tensor, Tensor]]:
        """Now and before, of each head alone, (B, its K)."""
        return list(
            zip(*(torch.split(said, list(self.sizes), 1) for said in (self.now, self.before)), strict=True)
        )


class Comparison:
    """Asks both networks, on samples of the source or on those that the run learns.

    Of the source, samples are drawn once and read once, and the original network answers them once;
    the network as it trains answers in evaluation mode, so both say the same until a weight moves. Of
    the target, the step's own pass is compared, with its variations, its dropout and its batch
    statistics.

    Args:
        name: Of the regularizer, for messages.
        inputs: `source`, `target`, or `auto`: source where there is one.
        samples: Of the source that are kept, >= 1.
        ratio: Samples of the source for each sample of a batch, > 0 and <= 100.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(self, name: str, inputs: str, samples: int, ratio: float) -> None:
        if inputs not in INPUTS:
            raise unknown_name(f"regularizer.{name}.inputs", inputs, INPUTS)
        check_count(f"regularizer.{name}.samples", samples)
        check_ratio(f"regularizer.{name}.ratio", ratio)
        if inputs == "target" and (unread := _unread(name, samples, ratio)):
            raise ConfigError(
                f"regularizer.{name}.inputs=target asks about no source sample, and {unread} is about them",
                fix=f"regularizer.{name}.inputs=source, or leave out {unread}",
            )
        self.name, self.inputs, self.samples, self.ratio = name, inputs, samples, ratio
        self._recall: Recall | None = None
        self._before = torch.empty(0)

    @property
    def reads_original(self) -> bool:
        """Whether the step's own pass is compared."""
        return self._recall is None and self._origin.moves

    def check(self, origin: Origin) -> None:
        """Refuse what cannot be compared.

        Raises:
            ConfigError: The weights have no original head, or there is no source.
        """
        origin.need_head(self.name)
        if self.inputs == "source" and origin.source is None:
            raise ConfigError(
                f"regularizer.{self.name}.inputs=source, and there is no source",
                fix=f"data@source=folder source.root=FOLDER, or regularizer.{self.name}.inputs=target",
            )

    def said(self, origin: Origin) -> list[str]:
        """Which settings are not read as there is no source, in lines for people."""
        unread = _unread(self.name, self.samples, self.ratio) if origin.source is None else ""
        return [f"{unread} is not read: there is no source, so {self.name} asks about the target"] * bool(
            unread
        )

    def begin(self, origin: Origin) -> None:
        """Draw the samples, where there is a source to be compared on."""
        self._origin = origin
        self._recall, self._before = None, torch.empty(0)
        if self.inputs != "target" and origin.source is not None:
            count = len(origin.source.splits.train)
            self._recall = origin.recall(reservoir(count, self.samples, origin.seed))

    def settle(self) -> None:
        """Have the original network answer what is kept, where that has not been done."""
        if self._recall is not None and not len(self._before):
            self._before = self._recall.answered(self._origin.network, self._origin.device)

    def answers(self, step: Step) -> Answers | None:
        """Of this step; None while nothing below the heads trains, so that nothing can differ."""
        if not self._origin.moves:
            return None
        sizes = self._origin.network.backbone.original_groups
        if self._recall is None:
            if step.original is None:
                return None
            with torch.no_grad():
                return Answers(step.original, self._origin.network(step.inputs), sizes)
        device = step.logits.device
        ids = self._origin.draw(self._recall, self.ratio, step)
        now = self._origin.answer(self._recall.take(ids, device))
        return Answers(now, self._before[ids].to(device), sizes)


def _unread(name: str, samples: int, ratio: float) -> str:
    """What of the settings is about samples of the source, where it is not what it is by default."""
    given = {"samples": (samples, SAMPLES), "ratio": (ratio, RATIO)}
    return " ".join(
        f"regularizer.{name}.{key}={value:g}" for key, (value, default) in given.items() if value != default
    )
