"""What keeping the frozen part will take, told before anything trains."""

from dataclasses import dataclass

from tlx.cache.ahead import frontier_of
from tlx.cache.frontier import FrontierCache
from tlx.cache.part import Part
from tlx.cache.serving import training_part, why_not
from tlx.errors import ConfigError
from tlx.plan import Plan
from tlx.report.formats import size

__all__ = ["Forecast", "forecast"]


@dataclass(frozen=True)
class Forecast:
    """What a phase keeps.

    Args:
        frontier: How many stages at the bottom are frozen.
        train: Bytes of the training samples' values; 0: they are computed in every epoch.
        val: The same of the validation samples.
        why: Why training samples, or all, are computed in every epoch; empty where they are not, though
            validation samples may be where there is room for training samples alone.
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
            rest = "" if self.val else "; val, which has no room, in every epoch"
            return f"{said}, computed once: {size(self.train + self.val)}{rest}"
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
    train, val = training_part(data, phase, mixes), Part("val", data.splits.val)
    try:
        cache.network.to(cache.device)
        parts = [part for part in (train, val) if part is not None]
        wanted = {part.name: (part, cache.layout(part, frontier)) for part in parts}
    except ConfigError as error:
        return Forecast(frontier, why=error.what)
    fitting = cache.fitting([wanted])
    kept = {
        name: layout.bytes
        for name, (part, layout) in wanted.items()
        if name in fitting or cache.is_kept(part, frontier)
    }
    why = why_not(data, phase, mixes)
    if train is not None and "train" not in kept:
        why = _lacks_room(wanted["train"][1].bytes, cache)
    return Forecast(frontier, kept.get("train", 0), kept.get("val", 0), why)


def _lacks_room(needed: int, cache: FrontierCache) -> str:
    settings = cache.settings
    limited = cache.making.room.most() < settings.budget
    disk = f"the disk of {settings.place}" if limited else f"cache.disk={settings.disk:g}"
    return f"{size(needed)} are more than {disk} and cache.ram={settings.ram:g} GiB leave"
