"""Which rates, and which layers gain from training: a range of rates, and one stage's varied at a time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from tlx.assembly import plan_of
from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.figures import NONE_SHOWN, TRAIN_FIGURE, higher_is_better
from tlx.functional.intervals import t_interval
from tlx.functional.rate_range import range_of_factors
from tlx.inference import worth_of_each
from tlx.plan import HEAD, split_part
from tlx.protocols.beforehand import check_fit
from tlx.protocols.comparison.arms import Arm, Finished, monitored, train_arm
from tlx.protocols.comparison.measured import compared
from tlx.protocols.given import Given
from tlx.protocols.rate_finder import Found, find_rates
from tlx.protocols.unread import changed, refuse_unread, refuse_unread_settings

__all__ = ["Cell", "Lr", "LrResult", "StageGain"]


@dataclass(frozen=True)
class Cell:
    """One stage at one factor.

    Args:
        stage: Whose rate differs from the plan's.
        factor: By what it is multiplied, `stage_rates` that were given included; 0: the stage is frozen.
        mean: Validation figure, mean over seeds.
        values: Of each seed.
    """

    stage: str
    factor: float
    mean: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class StageGain:
    """What training a stage is worth, the others as in the plan.

    Args:
        stage: Which.
        factor: The best one, by validation data.
        gain: The best figure minus that of the stage frozen, in the direction that is better.
        low: Of the paired 95 % interval over seeds and validation samples at once, as of `tlx gain`; over
            seeds alone of a figure that is no mean over samples. None of one seed, and of seeds that all say
            the same of such a figure: equal numbers do not tell how sure they are.
        high: The same.
    """

    stage: str
    factor: float
    gain: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LrResult:
    """The answer of `tlx lr`.

    Args:
        found: The range of rates; None where it was not asked for.
        figure: Validation figure of the sweep.
        higher: Whether more of it is better.
        base: Mean figure of the plan as it is.
        seeds: Of the runs.
        cells: Every stage at every factor.
        gains: Of each stage, the greatest first.
        warnings: What makes the answer less than it looks.
        rate_scale: That the plan has as it is, which every factor here multiplies.
        stage_rates: The same of single stages.
    """

    found: Found | None
    figure: str
    higher: bool
    base: float | None
    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]
    gains: tuple[StageGain, ...]
    warnings: tuple[str, ...]
    rate_scale: float
    stage_rates: dict[str, float]

    def figures(self) -> dict[str, float | None]:
        """The factor that the range suggests, from the loss of training steps."""
        return {"rate_factor": None if self.found is None else self.found.suggestion}

    def texts(self) -> dict[str, str]:
        """The stage of the greatest gain that is shown: its interval lies above 0."""
        shown = (gain.stage for gain in self.gains if gain.low is not None and gain.low > 0)
        return {"best/stage": next(shown, NONE_SHOWN)} if self.gains else {}


BESIDE_THE_LOSS = ("regularizer", "mixup", "ema", "init_optimizer")
"""What runs have and the range of rates leaves out."""


@dataclass(frozen=True)
class Lr:
    """A range of rates, and a layer-wise sweep.

    The range trains a few steps at rising rates (Smith 2017, arXiv 1506.01186), all groups at once with
    their ratios kept. It tells where training breaks; for transformers the steepest fall lies well above
    the rate that is best in the end, so what it suggests is an upper end.

    The sweep trains the whole plan with one stage's rate multiplied, and once with the stage frozen: what a
    stage gains from training is the difference.

    Args:
        find: Whether the range is tried.
        phase: Of the plan, from 1, for the range; None: the one that trains the most.
        low: The least factor of the plan's rates, > 0.
        high: The greatest one.
        steps: Of the range, >= 2.
        stages: That are varied; None: all that train; []: no sweep.
        factors: Of a stage's rate, > 0, one or more; a frozen stage is always tried, 1 is the plan itself.
        seeds: Runs of each, >= 1.

    Raises:
        ConfigError: A value is out of its range.
    """

    find: bool = True
    phase: int | None = None
    low: float = 1e-3
    high: float = 1e3
    steps: int = 100
    stages: Sequence[str] | None = None
    factors: Sequence[float] = (0.1, 1.0, 10.0)
    seeds: int = 1

    def __post_init__(self) -> None:
        differ = len(set(self.factors)) == len(self.factors)
        if not self.factors or not differ or not all(factor > 0 for factor in self.factors):
            wanted = "at least one, different numbers > 0"
            raise bad_value("lr.factors", list(self.factors), wanted, "lr.factors=[0.1,1,10]")
        if self.seeds < 1:
            raise bad_value("lr.seeds", self.seeds, "a whole number >= 1")

    def check(self, given: Given) -> None:
        """Refuse phases, stages and ranges that there are not."""
        stages = self._varied(given)
        if not stages and not self.find:
            raise ConfigError("lr.find=false and lr.stages=[]: nothing is asked", fix="lr.find=true")
        range_of_factors(self.low, self.high, self.steps)
        job = given.makers.job(given.config)
        check_fit(job)
        phases = len(plan_of(job).phases)
        if self.phase is not None and not 1 <= self.phase <= phases:
            raise bad_value("lr.phase", self.phase, f"a whole number in [1, {phases}], or null")
        if not self.find:
            why = "lr.find=false tries no range"
            refuse_unread_settings(self, ["phase", "low", "high", "steps"], why, "lr.find=true")
        if not stages:
            why, fix = "no stage is varied, so there is but the range, of the loss alone", "lr.stages=null"
            refuse_unread_settings(self, ["factors", "seeds"], why, fix)
            refuse_unread(given, ["monitor", *BESIDE_THE_LOSS, "source", "logger"], why, fix)

    def answer(self, given: Given) -> LrResult:
        """Try the range, then train the sweep."""
        config = given.config
        stages = self._varied(given)
        found = None
        if self.find:
            given.say("rising rates on a network that is thrown away")
            found = find_rates(given.makers.job(config), self.phase, self.low, self.high, self.steps)
        figure = monitored(config)
        seeds = [config["seed"] + number for number in range(self.seeds)] if stages else []
        stage_rates = {name: float(factor) for name, factor in (config.get("stage_rates") or {}).items()}
        base = self._trained(given, "plan", stage_rates, seeds) if stages else []
        cells, gains = list[Cell](), list[StageGain]()
        worths = _worths(given, figure) if len(seeds) > 1 else None
        for stage in stages:
            runs = dict[float, list[Finished]]()
            for factor in (0.0, *sorted(self.factors)):
                own = {**stage_rates, stage: factor * stage_rates.get(stage, 1.0)}
                name = f"{stage}-{factor:g}"
                runs[factor] = base if factor == 1 else self._trained(given, name, own, seeds)
                values = _values(runs[factor], figure)
                cells.append(Cell(stage, factor, fmean(values), values))
            gains.append(_gain(cells, stage, figure, worths and (lambda f, of=runs: worths(of[f]))))
        gains.sort(key=lambda gain: -gain.gain)
        warnings = ["One seed: differences of the sweep may be chance."] if stages and self.seeds == 1 else []
        if stages and len(self.factors) > 1:
            warnings.append(
                "The best factor of a stage was chosen by the figures that are shown: "
                "gains lean to the good side."
            )
        beside = changed(given, BESIDE_THE_LOSS) if found else []
        if beside:
            warnings.append(f"The range is that of the loss alone, without {', '.join(beside)}.")
        return LrResult(
            found,
            figure,
            higher_is_better(figure),
            fmean(_values(base, figure)) if base else None,
            tuple(seeds),
            tuple(cells),
            tuple(gains),
            tuple(warnings),
            float(config["rate_scale"]),
            stage_rates,
        )

    def _varied(self, given: Given) -> list[str]:
        plan = plan_of(given.makers.job(given.config))
        trained = {split_part(part)[0] for phase in plan.phases for part in phase.trains} - {HEAD}
        ordered = [stage for stage in plan.stages if stage in trained]
        if self.stages is None:
            if not ordered and not self.find:
                raise ConfigError("the strategy trains no stage of the backbone", fix="strategy=full")
            return ordered
        strange = next((stage for stage in self.stages if stage not in ordered), None)
        if strange is not None:
            raise unknown_name("stage that trains", strange, ordered)
        return [stage for stage in ordered if stage in self.stages]

    def _trained(
        self, given: Given, name: str, rates: dict[str, float], seeds: Sequence[int]
    ) -> list[Finished]:
        arm, scale = Arm(name, {**given.config, "stage_rates": rates}), float(given.config["rate_scale"])
        return [train_arm(given, arm, scale, seed) for seed in seeds]


def _values(runs: Sequence[Finished], figure: str) -> tuple[float, ...]:
    return tuple(float(run.summary[figure]) for run in runs)


def _worths(given: Given, figure: str) -> Callable[[Sequence[Finished]], Tensor] | None:
    """What says of runs what each answer to a validation sample is worth, shape (R, N).

    None where `figure` is not the mean of that: another one than that of training, or of a part of them.
    """
    job = given.makers.job(given.config)
    if figure != f"val/{TRAIN_FIGURE[job.task.name]}" or job.trainer.limit_val_batches is not None:
        return None
    data, settings, trust = given.makers.data(given.config["data"]), job.trainer, given.makers.trust

    def asked(runs: Sequence[Finished]) -> Tensor:
        return torch.stack([worth_of_each(run.folder, data, settings, "val", trust) for run in runs])

    return asked


def _gain(
    cells: Sequence[Cell], stage: str, figure: str, worths: Callable[[float], Tensor] | None = None
) -> StageGain:
    """What the best factor of a stage is worth; `worths` of the runs of a factor, where they can be told."""
    mine = [cell for cell in cells if cell.stage == stage]
    frozen, trained = mine[0], mine[1:]
    higher = higher_is_better(figure)
    best = (max if higher else min)(trained, key=lambda cell: cell.mean)
    sign = 1 if higher else -1
    differences = [sign * (b - f) for b, f in zip(best.values, frozen.values, strict=True)]
    low, high = _bounds(differences, figure, worths and (worths(best.factor), worths(frozen.factor)))
    return StageGain(stage, best.factor, fmean(differences), low, high)


def _bounds(
    differences: Sequence[float], figure: str, tables: tuple[Tensor, Tensor] | None
) -> tuple[float | None, float | None]:
    """Over seeds and samples where both are known, else over seeds; none where nothing spreads."""
    if tables is None:
        found = t_interval(differences)
    else:
        measured = compared("", *tables, figure.partition("/")[2], margin=0.0)
        found = measured.low, measured.high
    known = found is not None and math.isfinite(found[0]) and found[0] < found[1]
    return found if found is not None and known else (None, None)
