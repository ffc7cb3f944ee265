"""Did transfer help: the pre-trained network against the same one from scratch, tuned alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tlx.assembly import plan_of
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError, bad_value
from tlx.figures import FIGURES, TRAIN_FIGURE, higher_is_better
from tlx.inference import split_of, worth_of_each
from tlx.protocols.beforehand import check_fit, check_transfers
from tlx.protocols.comparison.also import also_data, refuse_seen, refuse_unknown
from tlx.protocols.comparison.arms import Arm, Finished, train_arm, tuned
from tlx.protocols.comparison.corruptions import (
    Corruptions,
    check_corruptible,
    corruption_names,
    kept_worths,
    on_corrupted,
)
from tlx.protocols.comparison.measured import Measured, compared
from tlx.protocols.comparison.saved import saved
from tlx.protocols.comparison.zero_effort import constant_worths, neighbour_figure
from tlx.protocols.given import Given
from tlx.protocols.results.gain import ArmResult, Calibration, GainResult, Label, doubts
from tlx.protocols.unread import refuse_unread, refuse_unread_settings

__all__ = ["Gain"]

LATE = 0.9
"""A best epoch beyond this share of the epochs says that training was cut short."""


@dataclass(frozen=True)
class Gain:
    r"""Transfer gain :math:`\Delta = m(\text{pre-trained}) - m(\text{scratch})` and how sure it is.

    Both arms have the same data, split, epochs, seeds and grid of rates; the best rate of each is chosen on
    validation data alone. The verdict is that of a paired test with a margin over seeds and samples at
    once (`crossed_interval`): *negative transfer* (Wang et al. 2019, arXiv 1811.09751) is claimed where
    the whole interval lies below minus the margin, and never by a point.

    Args:
        seeds: Runs of each arm, with the config's seed and those after it, >= 1.
        rates: What every rate of a plan is multiplied by; each arm is tuned over all of them, > 0.
        tuned_on: How many of the seeds choose the rates, in [1, seeds].
        margin: The gain that counts, >= 0, in the figure's unit.
        scratch: Arguments of `strategy=scratch` that shall differ from their defaults; its epochs are those
            of the pre-trained arm, unless they are named here.
        halvings: How often the labels of the pre-trained arm are halved, as long as it is shown to be no
            worse than scratch with all of them, by more than the margin, >= 0.
        corruptions: Names of `tlx.functional.corruptions.CORRUPTIONS`, or `all`: both arms' networks are also
            measured on such images, and not trained anew.
        severity: Of these corruptions, from 1, mild, to 5.

    Raises:
        ConfigError: A value is out of its range.
    """

    seeds: int = 5
    rates: Sequence[float] = (0.3, 1.0, 3.0)
    tuned_on: int = 1
    margin: float = 0.01
    scratch: Mapping[str, Any] | None = None
    halvings: int = 3
    corruptions: Sequence[str] | str = ()
    severity: int = 3

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise bad_value("gain.seeds", self.seeds, "a whole number >= 1")
        if not self.rates or not all(rate > 0 for rate in self.rates):
            raise bad_value("gain.rates", list(self.rates), "numbers > 0", "gain.rates=[0.3,1,3]")
        if len(set(self.rates)) < len(self.rates):
            raise bad_value("gain.rates", list(self.rates), "different numbers")
        if not 1 <= self.tuned_on <= self.seeds:
            raise bad_value("gain.tuned_on", self.tuned_on, f"a whole number in [1, {self.seeds}]")
        if not self.margin >= 0:
            raise bad_value("gain.margin", self.margin, "a number >= 0")
        if self.halvings < 0:
            raise bad_value("gain.halvings", self.halvings, "a whole number >= 0")
        corruption_names(self.corruptions, self.severity)

    def check(self, given: Given) -> None:
        """Refuse a model with nothing to transfer, and what no arm takes or reads."""
        comparison = _Comparison(self, given)
        comparison.check()
        refuse_unread(
            given, ["rate_scale"], "gain.rates multiplies the rates instead", "gain.rates=[0.3,1,3]"
        )
        if comparison.train_labels.ndim != 1 and self.halvings:
            refuse_unread_settings(
                self, ["halvings"], "labels are halved of single classes alone", "gain.halvings=0"
            )
        if not comparison.corruptions:
            refuse_unread_settings(
                self, ["severity"], "no image is corrupted", "gain.corruptions=[gaussian_noise]"
            )

    def answer(self, given: Given) -> GainResult:
        """Train both arms, and compare."""
        return _Comparison(self, given).result()


class _Comparison:
    """Two arms of one question."""

    def __init__(self, question: Gain, given: Given) -> None:
        config = {key: value for key, value in given.config.items() if key != "also"}
        self.question, self.given = question, given
        job = given.makers.job(config)
        self.figure, self.targets, self.trainer = TRAIN_FIGURE[job.task.name], job.task.targets, job.trainer
        self.higher = higher_is_better(f"val/{self.figure}")
        self.reported_on = "val" if job.data.splits.test is None else "test"
        self.splits, self.also = job.data.splits, also_data(given, self.targets)
        self.corruptions = corruption_names(question.corruptions, question.severity)
        reported = getattr(job.data.splits, self.reported_on)
        check_corruptible(job.data.source, reported, self.corruptions, question.severity)
        self.labels = np.asarray(reported.labels)
        self.train_labels, self.labelled = np.asarray(job.data.splits.train.labels), job.data.labelled
        self.epochs = plan_of(job).max_epochs
        self.seeds = [config["seed"] + number for number in range(question.seeds)]
        self.transfer = Arm("transfer", config)
        self.scratch = Arm("scratch", self._from_scratch(config))

    def _from_scratch(self, config: Mapping[str, Any]) -> dict[str, Any]:
        words = ["strategy=scratch", f"strategy.epochs={self.epochs}"]
        node = dict(self.given.makers.composed(words)["strategy"])
        own, known = dict(self.question.scratch or {}), [key for key in node if not key.startswith("_")]
        unread = next((key for key in own if key not in known), None)
        if unread is not None:
            raise bad_value("gain.scratch", unread, f"arguments of strategy=scratch: {', '.join(known)}")
        names = {**config["names"], "strategy": "scratch"}
        without: dict[str, Any] = {"regularizer": {}, "source": None, "init_optimizer": "new"}
        return {**config, "strategy": node | own, "names": names, **without}

    def check(self) -> None:
        """Refuse what either arm would be refused for, and further samples that are trained on."""
        job = self.given.makers.job(self.transfer.config)
        check_transfers(job)
        check_fit(job)
        try:
            check_fit(self.given.makers.job(self.scratch.config))
        except ConfigError as error:
            if not self.question.scratch:
                raise
            own = dict(self.question.scratch)
            raise ConfigError(f"gain.scratch={own}: {error.what}", fix="gain.scratch=null") from error
        if self.also is not None:
            refuse_unknown(self.also, job)
            refuse_seen(self.also, self.splits)

    def result(self) -> GainResult:
        question, chosen = self.question, self.seeds[: self.question.tuned_on]
        tables, arms, runs = list[Tensor](), list[ArmResult](), list[list[Finished]]()
        for arm in (self.scratch, self.transfer):
            rate, means = tuned(self.given, arm, question.rates, chosen)
            runs.append([train_arm(self.given, arm, rate, seed) for seed in self.seeds])
            tables.append(self._worths(runs[-1]))
            arms.append(self._arm(arm, rate, means, runs[-1], tables[-1]))
        scratch, transfer = tables
        gain = self._measured(self.reported_on, transfer, scratch)
        constant = constant_worths(self.targets, self.train_labels, self.labels, self.labelled)
        idle = [
            arm.name for arm, table in zip(arms, tables, strict=True) if not self._learnt(table, constant)
        ]
        labels = self._with_fewer_labels(arms[1].rate, scratch)
        also = self._also(runs[1], runs[0])
        corrupted = self._corrupted(runs[1], runs[0])
        return GainResult(
            figure=self.figure,
            higher=self.higher,
            gain=gain.gain,
            low=gain.low,
            high=gain.high,
            verdict=gain.verdict,
            margin=question.margin,
            reported_on=self.reported_on,
            samples=gain.samples,
            seeds=tuple(self.seeds),
            tuned_on=tuple(chosen),
            max_epochs=self.epochs,
            transfer=arms[1],
            scratch=arms[0],
            majority=float(constant.mean()),
            neighbours=neighbour_figure(self.given._replace(config=self.transfer.config), self.reported_on),
            saved=saved(self.given, (self.transfer, runs[1]), (self.scratch, runs[0])),
            labels=labels,
            all_labels=self._per_class(),
            also=also,
            corrupted=corrupted,
            warnings=doubts(
                self.reported_on, arms[0], arms[1], float(constant.mean()), idle, FIGURES[self.figure].share
            ),
        )

    def _worths(self, runs: Sequence[Finished]) -> Tensor:
        """What each run's answer to each reported sample is worth, shape (R, N)."""
        return self._asked(runs, self.given.makers.data(self.given.config["data"]), self.reported_on)

    def _asked(self, runs: Sequence[Finished], data: TransferData, split: str) -> Tensor:
        trust = self.given.makers.trust
        return torch.stack([worth_of_each(run.folder, data, self.trainer, split, trust) for run in runs])

    def _also(self, transfer: Sequence[Finished], scratch: Sequence[Finished]) -> tuple[Measured, ...]:
        """The gain on further samples, where there are any."""
        if self.also is None:
            return ()
        name, data, split = self.also
        tables = [self._asked(runs, data, split) for runs in (transfer, scratch)]
        return (self._measured(name, *tables),)

    def _corrupted(self, transfer: Sequence[Finished], scratch: Sequence[Finished]) -> Corruptions | None:
        """The gain on corrupted versions of the reported samples, where any were asked for."""
        folder, split = self.given.folder / "corrupted", self.reported_on

        def clean() -> TransferData:
            data = self.given.makers.data(self.given.config["data"])
            data.targets = self.targets
            return data

        def asked(name: str, data: TransferData) -> tuple[Tensor, Tensor]:
            self.given.say(f"both arms on images corrupted by {name}")
            samples = split_of(data, split)

            def of(arm: Arm, runs: Sequence[Finished]) -> Tensor:
                ask = partial(self._asked, runs, data, split)
                return kept_worths(folder, f"{arm.name}-{name}", runs, samples, ask)

            return of(self.transfer, transfer), of(self.scratch, scratch)

        return on_corrupted(self.corruptions, self.question.severity, split, clean, asked, self._measured)

    def _measured(self, name: str, transfer: Tensor, scratch: Tensor) -> Measured:
        return compared(name, transfer, scratch, self.figure, self.question.margin)

    def _learnt(self, table: Tensor, constant: Tensor) -> bool:
        """Whether an arm is shown to be better than one answer for all samples."""
        return self._measured("", table, constant.expand_as(table)).low > 0

    def _arm(
        self, arm: Arm, rate: float, means: Mapping[float, float], runs: Sequence[Finished], table: Tensor
    ) -> ArmResult:
        ran = [int(run.summary["train/epochs"]) for run in runs]
        best = [int(run.summary["best/epoch"]) for run in runs]
        return ArmResult(
            name=arm.name,
            strategy=str(arm.config["names"]["strategy"]),
            rate=rate,
            rates={f"{each:g}": mean for each, mean in means.items()},
            values=tuple(table.mean(1).tolist()),
            mean=float(table.mean()),
            epochs=tuple(ran),
            seconds=tuple(float(run.summary["train/seconds"]) for run in runs),
            cut_short=sum(b > LATE * n and n >= self.epochs for b, n in zip(best, ran, strict=True)),
            calibration=self._calibration(runs),
        )

    def _calibration(self, runs: Sequence[Finished]) -> Calibration | None:
        error = f"{self.reported_on}/calibration_error"
        names = ("val/temperature", error, f"{error}_calibrated")
        if any(run.summary.get(name) is None for run in runs for name in names):
            return None
        temperatures, errors, calibrated = ([float(run.summary[name]) for run in runs] for name in names)
        return Calibration(tuple(temperatures), fmean(errors), fmean(calibrated))

    def _per_class(self) -> int:
        """Labels of the rarest class; of other tasks all samples."""
        labels = self.train_labels
        return int(np.bincount(labels).min()) if labels.ndim == 1 else len(labels)

    def _with_fewer_labels(self, rate: float, scratch: Tensor) -> tuple[Label, ...]:
        found, each = list[Label](), self._per_class() // 2
        if self.train_labels.ndim != 1:
            return ()
        while len(found) < self.question.halvings and each >= 1:
            data = {**self.transfer.config["data"], "per_class": each}
            arm = Arm(self.transfer.name, {**self.transfer.config, "data": data})
            runs = [train_arm(self.given, arm, rate, s, f"labels{each}-") for s in self.seeds]
            fewer = self._measured("", self._worths(runs), scratch)
            reaches = fewer.low > -self.question.margin
            found.append(Label(each, fewer.transfer, fewer.gain, fewer.low, fewer.high, reaches))
            if not found[-1].reaches:
                break
            each //= 2
        return tuple(found)
