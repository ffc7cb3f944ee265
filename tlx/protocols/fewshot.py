"""Accuracy against labels per class: how little data each strategy needs."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import torch

from tlx.data.stratified import few_shot
from tlx.errors import ConfigError, DataError, bad_value, unknown_name
from tlx.functional.crossing import crossings, log_area
from tlx.functional.intervals import t_interval
from tlx.probing.linear_probe import Labelled, linear_probe
from tlx.protocols.arms import Arm, train_arm
from tlx.protocols.frozen import Sampled, sampled, shares_of, stage_features
from tlx.protocols.given import Given

__all__ = ["Crossing", "Curve", "Fewshot", "FewshotResult", "Point"]

PROBE = "probe"
"""The arm that trains no network: a linear probe on frozen features."""

OWN = "strategy"
"""The arm that is the config's own strategy."""

MOST_CHOOSING = 4
"""Labels of each class that choose a probe's penalty, at most as many as it is fitted to (Zhou et al. "
"2022)."""


@dataclass(frozen=True)
class Point:
    """One arm at one number of labels.

    Args:
        shots: Labels of each class.
        values: Accuracy of each seed, which draws the labels too.
        mean: Of them.
        low: Of Student's 95 % interval over seeds; None of one seed.
        high: The same.
    """

    shots: int
    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Curve:
    """One arm.

    Args:
        name: `probe`, or the words of a strategy.
        points: In the order of their labels.
        area: Mean accuracy over the log of the labels.
    """

    name: str
    points: tuple[Point, ...]
    area: float


@dataclass(frozen=True)
class Crossing:
    """Where two mean curves cross.

    Args:
        below: The arm that is better with fewer labels.
        above: The one that is better with more.
        shots: Labels of each class, between points by a straight line in log.
    """

    below: str
    above: str
    shots: float


@dataclass(frozen=True)
class FewshotResult:
    """The answer of `tlx fewshot`.

    Args:
        curves: The greatest area first.
        crossings: Of every pair of curves, with fewer labels first.
        seeds: Of the draws and the runs.
        reported_on: "test" or "val".
        reported: Samples.
        warnings: What makes the answer less than it looks.
    """

    curves: tuple[Curve, ...]
    crossings: tuple[Crossing, ...]
    seeds: tuple[int, ...]
    reported_on: str
    reported: int
    warnings: tuple[str, ...]

    def figures(self) -> dict[str, float | None]:
        """The area of the best arm."""
        return {"few_shot_area": self.curves[0].area}


@dataclass(frozen=True)
class Fewshot:
    """Curves over labels per class, from nested draws: a smaller one is part of every larger one of its seed.

    Strategies train on the draw and count their last epoch, so that no validation labels are spent; the
    linear probe chooses its penalty on at most four further labels of each class (Zhou et al. 2022, arXiv
    2109.01134), and all of its points read one pass over the data. The spread is over seeds, each of which
    draws other labels and other weights.

    Args:
        shots: Labels of each class, rising, >= 1.
        arms: `probe`, `strategy` (the config's own), choices of `conf/strategy`, or the words of a command
            line that choose one, such as `strategy=full strategy.epochs=10`.
        seeds: Draws of labels: the config's seed and those after it, >= 1.

    Raises:
        ConfigError: A value is out of its range.
    """

    shots: Sequence[int] = (1, 2, 4, 8, 16)
    arms: Sequence[str] = (PROBE, OWN, "scratch")
    seeds: int = 5

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.shots, self.shots[1:], strict=False))
        if not self.shots or not rising or self.shots[0] < 1:
            raise bad_value("fewshot.shots", list(self.shots), "rising whole numbers >= 1", "[1,2,4,8,16]")
        if not self.arms or len(set(self.arms)) < len(self.arms):
            raise bad_value("fewshot.arms", list(self.arms), "different strategies, or probe")
        if self.seeds < 1:
            raise bad_value("fewshot.seeds", self.seeds, "a whole number >= 1")

    def check(self, given: Given) -> None:
        """Refuse arms that there are not, and more labels than the rarest class has."""
        job = given.makers.job(given.config)
        if job.task.targets != "class":
            raise ConfigError("labels are counted for one class of each sample", fix="task=multiclass")
        if given.config["data"].get("per_class") is not None:
            raise ConfigError(
                "fewshot draws the labels itself", fix="fewshot.shots instead of data.per_class"
            )
        least = int(np.bincount(job.data.splits.train.labels).min())
        if self.shots[-1] > least:
            raise DataError(
                f"fewshot.shots asks for {self.shots[-1]} labels of each class, and the rarest has {least}",
                fix=f"fewshot.shots up to {least}",
            )
        for arm in self.arms:
            if arm != PROBE:
                self._arm(given, arm, 1)

    def answer(self, given: Given) -> FewshotResult:
        """Draw, train and probe."""
        seeds = [given.config["seed"] + number for number in range(self.seeds)]
        job = given.makers.job(given.config)
        reported_on = "val" if job.data.splits.test is None else "test"
        curves = []
        for name in self.arms:
            table = (
                self._probed(given, seeds)
                if name == PROBE
                else self._trained(given, name, seeds, reported_on)
            )
            points = tuple(_point(shots, values) for shots, values in zip(self.shots, table, strict=True))
            area = log_area(self.shots, [point.mean for point in points])
            said = str(given.config["names"]["strategy"]) if name == OWN else name
            curves.append(Curve(said, points, area))
        curves.sort(key=lambda curve: -curve.area)
        number = "1 seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
        few = [f"{number}: five or more make the bands worth reading."] if len(seeds) < 5 else []
        return FewshotResult(
            tuple(curves),
            tuple(self._crossings(curves)),
            tuple(seeds),
            reported_on,
            len(getattr(job.data.splits, reported_on)),
            tuple(few),
        )

    def _arm(self, given: Given, name: str, shots: int) -> Arm:
        """A strategy with so many labels of each class; the last epoch counts."""
        if name == OWN:
            own_name = str(given.config["names"]["strategy"])
            return Arm(own_name, self._drawing(given, given.config, shots))
        words = shlex.split(name) if "=" in name else [f"strategy={name}"]
        strange = next((word for word in words if not word.startswith(("strategy=", "strategy."))), None)
        if strange is not None:
            known = [PROBE, "fine_tune", "strategy=full strategy.epochs=10"]
            raise unknown_name("arm of fewshot", strange, known)
        composed = given.makers.composed(words)
        folder = name.replace("strategy=", "").replace("strategy.", "").replace(" ", "-").replace("/", "_")
        return Arm(folder, self._drawing(given, composed, shots))

    def _drawing(self, given: Given, chosen: Mapping[str, Any], shots: int) -> dict[str, Any]:
        names = {**given.config["names"], "strategy": chosen["names"]["strategy"]}
        data = {**given.config["data"], "per_class": shots}
        own = {"strategy": chosen["strategy"], "names": names, "data": data, "monitor": "epoch"}
        return {**given.config, **own}

    def _trained(
        self, given: Given, name: str, seeds: Sequence[int], reported_on: str
    ) -> list[tuple[float, ...]]:
        scale, figure = float(given.config["rate_scale"]), f"{reported_on}/accuracy"
        table = []
        for shots in self.shots:
            arm = self._arm(given, name, shots)
            runs = [train_arm(given, arm, scale, seed, f"shots{shots}-") for seed in seeds]
            table.append(tuple(float(run.summary[figure]) for run in runs))
        return table

    def _probed(self, given: Given, seeds: Sequence[int]) -> list[tuple[float, ...]]:
        """A linear probe of the last stage on every draw, from one pass over all samples."""
        job = given.makers.job(given.config)
        features = stage_features(job, given.say)
        shares = shares_of(job.data, len(job.data.splits.train), job.seed)
        fits, chooses, reported = (
            sampled(features, part) for part in (shares.fits, shares.chooses, shares.reported)
        )
        last, classes = features.stages[-1], job.data.classes
        asked = Labelled(reported.features[last], reported.labels)
        table = []
        for shots in self.shots:
            values = []
            for seed in seeds:
                drawn = _drawn(fits, last, shots, seed, classes)
                choosing = _drawn(chooses, last, min(shots, MOST_CHOOSING), seed, classes)
                values.append(linear_probe(drawn, choosing, asked, refit=False).accuracy)
            given.say(f"{PROBE}: {shots} labels of each class: {fmean(values):.4f}")
            table.append(tuple(values))
        return table

    def _crossings(self, curves: Sequence[Curve]) -> list[Crossing]:
        found = []
        for number, first in enumerate(curves):
            for second in curves[number + 1 :]:
                means = [[point.mean for point in curve.points] for curve in (first, second)]
                for place in crossings(self.shots, *means):
                    few = next(n for n, shots in enumerate(self.shots) if shots >= place) - 1
                    ahead = means[0][max(few, 0)] >= means[1][max(few, 0)]
                    below, above = (first, second) if ahead else (second, first)
                    found.append(Crossing(below.name, above.name, place))
        return sorted(found, key=lambda crossing: crossing.shots)


def _drawn(pool: Sampled, stage: str, shots: int, seed: int, classes: Sequence[str]) -> Labelled:
    """The draw that a run of the same seed trains on; of a pool that has fewer, all."""
    labels = pool.labels.numpy()
    shots = min(shots, int(np.bincount(labels, minlength=len(classes)).min()))
    chosen = torch.from_numpy(few_shot(labels, shots, seed, classes))
    return Labelled(pool.features[stage][chosen], pool.labels[chosen])


def _point(shots: int, values: Sequence[float]) -> Point:
    low, high = t_interval(values) or (None, None)
    bounds = (None if low is None else max(low, 0.0), None if high is None else min(high, 1.0))
    return Point(shots, tuple(values), fmean(values), *bounds)
