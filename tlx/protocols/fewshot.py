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
from tlx.figures import LAST_EPOCH
from tlx.job import Job
from tlx.probing.linear_probe import Labelled, linear_probe
from tlx.protocols.beforehand import check_fit, check_reading
from tlx.protocols.comparison.arms import Arm, train_arm
from tlx.protocols.frozen import Sampled, Shares, sampled, shares_of, stage_features
from tlx.protocols.given import Given
from tlx.protocols.results.fewshot import FewshotResult, crossings_of, ordered_curves
from tlx.protocols.unread import TRAINING, refuse_unread

__all__ = ["Fewshot"]

PROBE = "probe"
"""The arm that trains no network: a linear probe on frozen features."""

OWN = "strategy"
"""The arm that is the config's own strategy."""

MOST_CHOOSING = 4
"""Labels of each class that choose a probe's penalty, at most as many as it is fitted to (Zhou et al. "
"2022)."""


@dataclass(frozen=True)
class Fewshot:
    """Curves over labels per class, from nested draws: a smaller one is part of every larger one of its seed.

    Strategies train on the draw and count their last epoch, so that no validation labels are spent; the
    linear probe chooses its penalty on at most four further labels of each class (Zhou et al. 2022, arXiv
    2109.01134), and all of its points read one pass over the data. The spread is over seeds, each of which
    draws other labels and other weights; where all say the same, it is that of the reported samples.

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
        self._check_draws(given, job)
        for arm in self.arms:
            if arm != PROBE:
                check_fit(given.makers.job(self._arm(given, arm, 1).config))
        if given.config["monitor"] != LAST_EPOCH:
            refuse_unread(given, ["monitor"], "of every run the last epoch counts", f"monitor={LAST_EPOCH}")
        if PROBE in self.arms:
            check_reading(job)
            self._check_pool(job)
        if OWN not in self.arms:
            fix = f"fewshot.arms=[{OWN},...]"
            refuse_unread(given, ["strategy"], "the config's own strategy is no arm", fix)
        if tuple(self.arms) == (PROBE,):
            refuse_unread(given, TRAINING, "nothing trains but the probe", f"fewshot.arms=[{PROBE},{OWN}]")

    def _check_draws(self, given: Given, job: Job) -> None:
        """Refuse draws of somebody else, and more labels than the rarest class has."""
        if given.config["data"].get("per_class") is not None:
            raise ConfigError(
                "fewshot draws the labels itself", fix="fewshot.shots instead of data.per_class"
            )
        own = given.config["data"].get("seed", job.seed)
        if own != job.seed:
            raise ConfigError(
                f"fewshot draws labels by its seeds, and by data.seed={own} all of them would draw the same",
                fix=f"seed={own} begins at another, without data.seed",
            )
        least = int(np.bincount(job.data.splits.train.labels).min())
        if self.shots[-1] > least:
            raise DataError(
                f"fewshot.shots asks for {self.shots[-1]} labels of each class, and the rarest has {least}",
                fix=f"fewshot.shots up to {least}",
            )

    def _check_pool(self, job: Job) -> None:
        """Refuse more labels than the probe has to fit on, and a class that nothing chooses it by."""
        shares, classes = _every_share(job), job.data.classes
        missing = [name for at, name in enumerate(classes) if at not in shares.chooses.split.labels]
        if missing:
            raise DataError(
                f"the probe's penalty is chosen on {shares.chooses.name}, which has none of {missing[0]}",
                fix=f"samples of every class there, or fewshot.arms without {PROBE}",
            )
        least = int(np.bincount(shares.fits.split.labels, minlength=len(classes)).min())
        if self.shots[-1] > least:
            raise DataError(
                f"fewshot.shots asks for {self.shots[-1]} labels of each class, and the probe has {least} "
                "left to fit on (a fifth of the training samples is held out, for there is no test split)",
                fix=f"fewshot.shots up to {least}, data with a test split, or fewshot.arms without {PROBE}",
            )

    def answer(self, given: Given) -> FewshotResult:
        """Draw, train and probe."""
        seeds = [given.config["seed"] + number for number in range(self.seeds)]
        job = given.makers.job(given.config)
        reported_on = "val" if job.data.splits.test is None else "test"
        tables = []
        for name in self.arms:
            table = (
                self._probed(given, seeds)
                if name == PROBE
                else self._trained(given, name, seeds, reported_on)
            )
            tables.append((self._label(given, name), table))
        samples = len(getattr(job.data.splits, reported_on))
        curves = ordered_curves(self.shots, tables, samples)
        number = "1 seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
        few = [f"{number}: five or more make the bands worth reading."] if len(seeds) < 5 else []
        return FewshotResult(
            curves,
            crossings_of(curves, samples),
            tuple(seeds),
            reported_on,
            samples,
            tuple(few),
        )

    def _arm(self, given: Given, name: str, shots: int) -> Arm:
        """A strategy with so many labels of each class; the last epoch counts."""
        if name == OWN:
            return Arm(self._label(given, name).replace(" ", "-"), self._drawing(given, given.config, shots))
        words = shlex.split(name) if "=" in name else [f"strategy={name}"]
        strange = next((word for word in words if not word.startswith(("strategy=", "strategy."))), None)
        if strange is not None:
            known = [PROBE, "fine_tune", "strategy=full strategy.epochs=10"]
            raise unknown_name("arm of fewshot", strange, known)
        composed = given.makers.composed(words)
        if OWN in self.arms and composed["strategy"] == given.config["strategy"]:
            raise bad_value(
                "fewshot.arms", list(self.arms), f"one of {OWN} and {name}, which are the same here"
            )
        folder = name.replace("strategy=", "").replace("strategy.", "").replace(" ", "-").replace("/", "_")
        memory = {"init_optimizer": "new"} if composed["names"]["strategy"] == "scratch" else {}
        return Arm(folder, self._drawing(given, composed, shots) | memory)

    def _label(self, given: Given, name: str) -> str:
        """What an arm is called; the config's own by its strategy, told from one of that name."""
        own = str(given.config["names"]["strategy"])
        if name != OWN:
            return name
        return f"{own} as given" if {own, f"strategy={own}"} & set(self.arms) else own

    def _drawing(self, given: Given, chosen: Mapping[str, Any], shots: int) -> dict[str, Any]:
        names = {**given.config["names"], "strategy": chosen["names"]["strategy"]}
        data = {**given.config["data"], "per_class": shots}
        own = {"strategy": chosen["strategy"], "names": names, "data": data, "monitor": LAST_EPOCH}
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
        shares = _every_share(job)
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


def _every_share(job: Job) -> Shares:
    """What fits, chooses and is reported, with all of their samples, as strategies are reported on all."""
    splits = (job.data.splits.train, job.data.splits.val, job.data.splits.test)
    return shares_of(job.data, max(len(split) for split in splits if split is not None), job.seed)


def _drawn(pool: Sampled, stage: str, shots: int, seed: int, classes: Sequence[str]) -> Labelled:
    """The draw that a run of the same seed trains on; of a pool that has fewer, all."""
    labels = pool.labels.numpy()
    shots = min(shots, int(np.bincount(labels, minlength=len(classes)).min()))
    chosen = torch.from_numpy(few_shot(labels, shots, seed, classes))
    return Labelled(pool.features[stage][chosen], pool.labels[chosen])
