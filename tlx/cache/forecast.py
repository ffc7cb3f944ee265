"""What keeping the frozen part will take, told before anything trains."""

from collections.abc import Mapping
from dataclasses import dataclass

from tlx.cache.ahead import frontier_of
from tlx.cache.frontier import FrontierCache
from tlx.cache.layout import Layout
from tlx.cache.lengths import is_estimated
from tlx.cache.part import Part, in_variations
from tlx.cache.serving import concluding_part, training_part, varied_epochs, why_not
from tlx.errors import ConfigError
from tlx.plan import Plan
from tlx.report.formats import size

__all__ = ["Forecast", "forecast", "unused_views"]


@dataclass(frozen=True)
class Forecast:
    """What a phase keeps.

    Args:
        frontier: How many stages at the bottom are frozen.
        train: Bytes of the training samples' values; 0: they are computed in every epoch.
        val: The same of the validation samples.
        test: The same of the test samples, which are kept at the end if the best epoch is of this phase.
        why: Why training samples, or all, are computed in every epoch; empty where they are not, though
            validation samples may be where there is room for training samples alone.
        views: Variations of each training sample that are kept; None: the samples as they are.
        is_estimate: Whether the bytes of training and validation samples are told from some of their texts.
    """

    frontier: int
    train: int = 0
    val: int = 0
    test: int = 0
    why: str = ""
    views: int | None = None
    is_estimate: bool = False

    @property
    def bytes(self) -> int:
        """All that the phase may keep."""
        return self.train + self.val + self.test

    def line(self, number: int, plan: Plan) -> str:
        """The sentence for people; empty where nothing is frozen."""
        if not self.frontier:
            return ""
        said = f"phase {number + 1}: frozen up to {plan.stages[self.frontier - 1]}"
        about = "about " if self.is_estimate else ""
        if self.train:
            rest = "" if self.val else "; val, which has no room, in every epoch"
            once = f"{said}, computed once{in_variations(self.views)}: {about}{size(self.train + self.val)}"
            return f"{once}{rest}{self._of_test(plan)}"
        if self.val:
            why = f"{said}, computed in every epoch, for {self.why}"
            return f"{why}; of val once: {about}{size(self.val)}{self._of_test(plan)}"
        return f"{said}, computed in every epoch: {self.why}"

    def _of_test(self, plan: Plan) -> str:
        if not self.test:
            return ""
        when = "" if len(plan.phases) == 1 else ", if the best epoch is of this phase"
        return f"; of test at the end: {size(self.test)}{when}"


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
    train, val = training_part(cache, plan, phase, mixes), Part("val", data.splits.val)
    try:
        cache.network.to(cache.device)
        parts = [part for part in (train, val) if part is not None]
        wanted = {part.name: (part, cache.layout(part, frontier)) for part in parts}
    except ConfigError as error:
        return Forecast(frontier, why=error.what)
    fitting = cache.fitting([wanted])
    kept = {
        name: (part, layout)
        for name, (part, layout) in wanted.items()
        if name in fitting or cache.is_kept(part, frontier)
    }
    why = why_not(cache, plan, phase, mixes)
    if train is not None and "train" not in kept:
        why = _lacks_room(wanted["train"][1], cache)
    sizes = {name: layout.bytes for name, (_, layout) in kept.items()}
    test = _of_test(cache, frontier, kept, concluding_part(data, plan, number, kept))
    views = train.views if train is not None and "train" in kept else None
    is_estimate = any(is_estimated(layout) for _, layout in kept.values())
    return Forecast(frontier, sizes.get("train", 0), sizes.get("val", 0), test, why, views, is_estimate)


def unused_views(cache: FrontierCache, plan: Plan) -> str:
    """The sentence for people where variations are asked for that no phase reads; else empty."""
    views = cache.settings.views
    if views is None or varied_epochs(cache.data, plan):
        return ""
    said = f"cache.views={views} changes nothing: in no phase do pictures vary above frozen first stages"
    is_read = any(frontier_of(plan, number) for number in range(len(plan.phases)))
    return f"{said} (data.augment=always varies them while the head alone trains)" if is_read else said


def _of_test(
    cache: FrontierCache, frontier: int, kept: Mapping[str, tuple[Part, Layout]], test: Part | None
) -> int:
    """Bytes of the test samples' values; 0 where they are not kept, or beside the others have no room."""
    if test is None:
        return 0
    layout, memory = cache.layout(test, frontier), cache.memory
    for _, other in kept.values():  # each is held in memory, or read into it
        memory -= other.bytes if other.bytes <= memory else 0
    place = cache.fitting([kept, {test.name: (test, layout)}]).get(test.name)
    fits = place == "disk" or layout.bytes <= memory
    return layout.bytes if fits or cache.is_kept(test, frontier) else 0


def _lacks_room(layout: Layout, cache: FrontierCache) -> str:
    settings, about = cache.settings, "about " if is_estimated(layout) else ""
    limited = cache.making.room.most() < settings.budget
    disk = f"the disk of {settings.place}" if limited else f"cache.disk={settings.disk:g}"
    return f"{about}{size(layout.bytes)} are more than {settings.room_said(disk, cache.processes)}"
