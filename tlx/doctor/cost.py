"""What a run will cost: a short one of the same job is measured, phase by phase."""

import copy
import resource
import tempfile
import time
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from tlx.assembly import build_network, frontier_cache, plan_of
from tlx.cache.ahead import frontier_of
from tlx.cache.forecast import Forecast, forecast
from tlx.cache.part import Part
from tlx.cache.serving import serve, training_part
from tlx.cache.settings import CacheSettings
from tlx.data.order import batches_in_epoch
from tlx.doctor.stopwatch import Stopwatch
from tlx.job import Job
from tlx.plan import Plan
from tlx.report.formats import duration, size
from tlx.trainer import World
from tlx.training import fit
from tlx.types import Split, Splits

__all__ = ["Cost", "PhaseCost", "measured", "table"]

BATCHES = 5
"""Training batches that are measured in each of two epochs of a phase, and two of validation."""
ROOM = 1e6


@dataclass(frozen=True)
class PhaseCost:
    """What a phase of its full length takes.

    Args:
        name: Of the phase.
        fill: Seconds to compute the frozen part once.
        train: Seconds of training, checkpoints included.
        val: Seconds of validation.
        cache: Bytes that are kept of the frozen part.
        may_end_early: Whether a plateau can end it.
    """

    name: str
    fill: float
    train: float
    val: float
    cache: int
    may_end_early: bool

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.fill + self.train + self.val


@dataclass(frozen=True)
class Cost:
    """What a run takes, without its start and its page.

    Args:
        phases: One after another.
        memory: Bytes at most: of this process, or of the GPU.
    """

    phases: tuple[PhaseCost, ...]
    memory: int

    @property
    def seconds(self) -> float:
        """All phases."""
        return sum(phase.seconds for phase in self.phases)


@dataclass(frozen=True)
class _Foretold(CacheSettings):
    """Keeps, of the few samples that are measured, what the run will have room to keep of all.

    Args:
        kept: The name and the views of each split that is kept, with the frontier.
    """

    kept: frozenset[tuple[str, int | None, int]] = frozenset()

    def keeps(self, split: str, views: int | None, frontier: int) -> bool:
        return self.is_on and (split, views, frontier) in self.kept


def measured(job: Job) -> Cost:
    """Train a few batches of every phase of a job, in a folder that goes again, and scale them up.

    What is kept of frozen parts already is read, not computed, in the run as here foretold. Phases
    that a plateau can end are told at their full length.

    Args:
        job: Of which nothing is changed.

    Raises:
        TlxError: As the run would.
    """
    job.data.preprocessing = job.backbone.preprocessing
    plan, splits = plan_of(job), job.data.splits
    short = _shortened(job)
    told = _foretold(job, short, plan)
    fills, memory = _fills(job, short, plan, told), max(_held(each, job.cache.memory) for each in told)
    stopwatch = Stopwatch()
    short.logger = lambda folder: stopwatch
    short.trainer = replace(short.trainer, limit_epochs=2, checkpoint_seconds=1e9)
    with tempfile.TemporaryDirectory() as scratch:
        fit(short, Path(scratch) / "run", Console(quiet=True))
    batches = _batches(len(splits.train), job.data.batch_size, job.trainer.limit_train_batches)
    val_batches = ceil(len(splits.val) / job.data.eval_batch_size)
    val_batches = min(val_batches, job.trainer.limit_val_batches or val_batches)
    phases = [
        PhaseCost(
            phase.name,
            fill,
            phase.epochs * (batches * times.train_batch + times.rest),
            phase.epochs * val_batches * times.val_batch,
            kept.bytes,
            phase.patience is not None,
        )
        for phase, times, fill, kept in zip(plan.phases, stopwatch.phases, fills, told, strict=True)
    ]
    return Cost(tuple(phases), _peak(job) + memory)


def table(cost: Cost) -> str:
    """The cost of each phase and of all, for people."""
    rows = [
        f"phase {number}: {duration(phase.seconds)}{' at most' if phase.may_end_early else ''} "
        f"(frozen part {duration(phase.fill)}, training {duration(phase.train)}, "
        f"validation {duration(phase.val)}), {size(phase.cache)} kept"
        for number, phase in enumerate(cost.phases, 1)
    ]
    total = f"in all about {duration(cost.seconds)} and {size(cost.memory)} of memory"
    return "\n".join([*rows, f"{total}, measured on a few batches of each phase"])


def _shortened(job: Job) -> Job:
    """The same job on the first samples alone, with weights of its own."""
    short = copy.copy(job)
    short.backbone = copy.deepcopy(job.backbone)
    short.data = copy.copy(job.data)
    train, val, _, classes = job.data.splits
    few = Splits(
        _first(train, BATCHES * job.data.batch_size), _first(val, 2 * job.data.eval_batch_size), None, classes
    )
    short.data.__dict__["splits"] = few
    return short


def _first(split: Split, count: int) -> Split:
    """Samples from all over a split, so that every class is among them."""
    chosen = np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).astype(np.int64))
    return split.subset(chosen)


def _foretold(job: Job, short: Job, plan: Plan) -> list[Forecast]:
    """What each phase will keep; the short job keeps the same, all in memory."""
    network, mixes = build_network(short), job.mixup > 0
    cache, told = frontier_cache(job, network, World()), []
    kept = set[tuple[str, int | None, int]]()
    for number, phase in enumerate(plan.phases):
        network.freeze_except(phase.trains, plan.norms)
        told.append(forecast(cache, plan, number, mixes))
        train = training_part(job.data, phase, mixes)
        if train is not None and told[-1].train:
            kept.add((train.name, train.views, told[-1].frontier))
        if told[-1].val:
            kept.add(("val", None, told[-1].frontier))
    if job.cache.is_on:
        short.cache = _Foretold(ram=ROOM, disk=0.0, views=job.cache.views, kept=frozenset(kept))
    return told


def _held(told: Forecast, memory: int) -> int:
    """Bytes of a phase's values that are held in memory, those of test at the end."""
    held = 0
    for each in (told.train, told.val, told.test):
        held += each if each <= memory - held else 0
    return held


def _fills(job: Job, short: Job, plan: Plan, told: list[Forecast]) -> list[float]:
    """Seconds that each phase computes frozen parts."""
    network, mixes = build_network(short), job.mixup > 0
    kept, trial = frontier_cache(job, network, World()), frontier_cache(short, network, World())
    full = {"train": job.data.splits.train, "val": job.data.splits.val}
    seconds = []
    for number, phase in enumerate(plan.phases):
        network.freeze_except(phase.trains, plan.norms)
        frontier, train = frontier_of(plan, number), training_part(job.data, phase, mixes)
        parts = [Part("val", full["val"])] if told[number].val else []
        parts += [train] if train is not None and told[number].train else []
        there = {part.name for part in parts if kept.is_kept(part, frontier)}
        began, trial.making.passes = time.monotonic(), []
        serve(trial, plan, number, mixes)
        passes = sum(spent for _, spent in trial.making.passes)
        scaled = sum(
            spent * len(full[part.name]) / len(part.split)
            for part, spent in trial.making.passes
            if part.name not in there
        )
        seconds.append(time.monotonic() - began - passes + scaled)
    return seconds


def _batches(samples: int, batch_size: int, limit: int | None) -> int:
    whole = batches_in_epoch(samples, batch_size)
    return min(whole, limit or whole)


def _peak(job: Job) -> int:
    """The most that this process, or its GPU, has held."""
    if job.trainer.on_gpu:
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
