"""What keeping the frozen part will take, told before anything trains."""

from dataclasses import dataclass

import numpy as np

from tlx.backbones.named import named
from tlx.cache.ahead import frontier_of
from tlx.cache.frontier import FrontierCache
from tlx.cache.lengths import MASK, Lengths
from tlx.cache.part import Part
from tlx.cache.serving import training_part, why_not
from tlx.errors import ConfigError
from tlx.plan import Plan
from tlx.report.formats import size
from tlx.types import Split

__all__ = ["Forecast", "forecast"]

SEEN = 64
"""Texts whose lengths stand for those of all."""


@dataclass(frozen=True)
class Forecast:
    """What a phase keeps.

    Args:
        frontier: How many stages at the bottom are frozen.
        train: Bytes of the training samples' values; 0: they are computed in every epoch.
        val: The same of the validation samples.
        why: Why training samples, or all, are computed in every epoch; empty where they are not.
    """

    frontier: int
    train: int = 0
    val: int = 0
    why: str = ""

    def line(self, number: int, stages: tuple[str, ...]) -> str:
        """The sentence for people; empty where nothing is frozen."""
        if not self.frontier:
            return ""
        said = f"phase {number + 1}: frozen up to {stages[self.frontier - 1]}"
        if self.train:
            return f"{said}, computed once: {size(self.train + self.val)}"
        if self.val:
            return f"{said}, computed in every epoch, for {self.why}; of val once: {size(self.val)}"
        return f"{said}, computed in every epoch: {self.why}"


def forecast(cache: FrontierCache, plan: Plan, number: int, mixes: bool) -> Forecast:
    """What a phase will keep; the network must be frozen as the phase asks.

    Args:
        cache: Of the run.
        plan: The plan.
        number: The phase, counted from 0.
        mixes: Whether training pictures are mixed.
    """
    frontier, data, phase = frontier_of(plan, number), cache.data, plan.phases[number]
    if not frontier or not cache.settings.is_on:
        return Forecast(frontier, why="cache=none")
    train = training_part(data, phase, mixes)
    try:
        cache.network.to(cache.device)
        return Forecast(
            frontier,
            0 if train is None else _bytes(cache, train, frontier),
            _bytes(cache, Part("val", data.splits.val), frontier),
            why_not(data, phase, mixes),
        )
    except ConfigError as error:
        return Forecast(frontier, why=error.what)


def _bytes(cache: FrontierCache, part: Part, frontier: int) -> int:
    cut = cache.cut(frontier)
    lengths = _estimated(cache, part.split) if cut.per_token else None
    return cache.making.layout(part, cut, lengths).bytes


def _estimated(cache: FrontierCache, split: Split) -> Lengths:
    inputs = cache.data.first(split, SEEN)
    if MASK not in named(inputs):
        raise ConfigError("its texts come without an attention mask")
    mean = float(named(inputs)[MASK].sum(dim=1).float().mean())
    return Lengths(np.full(len(split), round(mean), dtype=np.int64), {})
