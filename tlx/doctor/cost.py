"""What a run will cost: a short one of the same job is measured, phase by phase."""

import copy
import functools
import resource
import time
from dataclasses import dataclass, field, replace
from math import ceil
from statistics import fmean

import torch
from rich.console import Console

from tlx import conclusion
from tlx.arithmetic import settled
from tlx.assembly import build_network, frontier_cache, plan_of
from tlx.cache.forecast import Forecast
from tlx.cache.frontier import FrontierCache
from tlx.cache.part import Part
from tlx.cache.scratch import scratch_folder
from tlx.data.order import batches_in_epoch
from tlx.doctor.passes import Opening, openings
from tlx.doctor.short_job import foretold, held_more, loaded_ahead, shortened
from tlx.doctor.short_origin import KnownCost, ShortOrigin
from tlx.doctor.stopwatch import Stopwatch, Times
from tlx.evaluation import to_device
from tlx.job import Job
from tlx.modules.network import Network
from tlx.plan import Phase
from tlx.report.formats import duration, size
from tlx.trainer import TrainerSettings, World
from tlx.training import fit

__all__ = ["Cost", "PhaseCost", "measured", "table"]


@dataclass(frozen=True)
class PhaseCost:
    """What a phase of its full length takes.

    Args:
        name: Of the phase.
        fill: Seconds to compute the frozen part once, or to open what is kept of it.
        train: Seconds of training, checkpoints included.
        val: Seconds of validation.
        around: Seconds to begin the phase and to end it.
        frontier: How many stages at the bottom are frozen.
        cache: Bytes that are kept of the frozen part.
        may_end_early: Whether a plateau can end it.
    """

    name: str
    fill: float
    train: float
    val: float
    around: float
    frontier: int
    cache: int
    may_end_early: bool

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.fill + self.train + self.val + self.around


@dataclass(frozen=True)
class Cost:
    """What a run takes, without its start.

    Args:
        phases: One after another.
        end: Seconds of what comes after the last one: the best weights on val and test, and the page.
        memory: Bytes at most: of a process, or of its GPU.
        processes: How many train together; what they wait for each other is not told.
        said: Whether the precision that was asked for is used, in lines for people.
        known: What is spent on what was known before, beside what phases and end tell.
    """

    phases: tuple[PhaseCost, ...]
    end: float
    memory: int
    processes: int = 1
    said: tuple[str, ...] = ()
    known: KnownCost = field(default_factory=KnownCost)

    @property
    def seconds(self) -> float:
        """All phases, what was known, and the end."""
        return sum(phase.seconds for phase in self.phases) + self.known.seconds + self.end

    @property
    def cache(self) -> int:
        """Bytes that are kept of all frontiers, where there is room for all of them at once."""
        most: dict[int, int] = {}
        for phase in self.phases:
            most[phase.frontier] = max(phase.cache, most.get(phase.frontier, 0))
        return sum(most.values())


def measured(job: Job) -> Cost:
    """Train a few batches of every phase of a job, in a folder that goes again, and scale them up.

    What is kept of frozen parts already is read, not computed, in the run as here foretold. Phases
    that a plateau can end are told at their full length, and the best epoch is taken to be in the last.

    Args:
        job: Of which nothing is changed.

    Raises:
        TlxError: As the run would.
    """
    job.trainer.prepare_process()
    job.data.preprocessing = job.backbone.preprocessing
    plan = plan_of(job)
    short = shortened(job, plan)
    with scratch_folder(job.cache) as scratch:
        ready = loaded_ahead(job.data)
        network, stopwatch = build_network(short), Stopwatch(ready)
        said = list[str]()
        settings = settled(job.trainer, network, job.data, scratch, World(), said.append)
        job, short = _computing_by(job, settings), _computing_by(short, settings)
        told = foretold(job, short, network, plan, scratch / "features")
        run, trial = (frontier_cache(each, network, World()) for each in (job, short))
        opened = openings(run, trial, plan, told, job.mixup > 0, job.trainer.devices, ready)
        forward, is_kept = _forward(short, network), _test_is_kept(run, told[-1])
        short.logger = lambda folder: stopwatch
        known = _known(job, short, stopwatch)
        fit(short, scratch / "run", Console(quiet=True))
    each = zip(plan.phases, stopwatch.phases, opened, told, strict=True)
    phases = tuple(_phase(job, *seen) for seen in each)
    val_batch = stopwatch.phases[-1].val_batch
    read = told[-1].train > 0 and not job.data.phase_augments(plan.phases[-1])
    end = stopwatch.end
    for name, seconds in (
        ("train", val_batch if read else forward),
        ("val", val_batch),
        ("test", val_batch if is_kept else forward),
    ):
        end += seconds * (_evaluated(job, name) - _evaluated(short, name))
    memory = _peak(job) + (0 if job.trainer.on_gpu else held_more(job, short, told) + known.memory)
    return Cost(phases, end, memory, job.trainer.processes, tuple(said), known)


def _known(job: Job, short: Job, stopwatch: Stopwatch) -> KnownCost:
    """What the short run will be found to spend on what was known."""
    cost, whole = KnownCost(), copy.copy(job.data)
    whole.eval_batch_size = short.data.eval_batch_size
    short.origin = functools.partial(ShortOrigin, cost, stopwatch, whole, job.cache, job.trainer.processes)
    return cost


def _computing_by(job: Job, settings: TrainerSettings) -> Job:
    """The same job in the arithmetic that a run would settle on."""
    same = copy.copy(job)
    same.trainer = replace(job.trainer, precision=settings.precision, memory_format=settings.memory_format)
    return same


def table(cost: Cost) -> str:
    """The cost of each phase and of all, for people."""
    rows = [
        f"phase {number}: {duration(phase.seconds)}{' at most' if phase.may_end_early else ''} "
        f"(frozen part {duration(phase.fill)}, training {duration(phase.train)}, "
        f"validation {duration(phase.val)}), {size(phase.cache)} kept"
        for number, phase in enumerate(cost.phases, 1)
    ]
    rows += _known_rows(cost.known)
    end = f"end: {duration(cost.end)} (the best weights are measured and written)"
    total = f"in all about {duration(cost.seconds)} and {size(cost.memory)} of memory"
    several = f" by one of {cost.processes} processes, without their waits for each other"
    how = f"measured on a few batches of each phase{several if cost.processes > 1 else ''}"
    return "\n".join([*cost.said, *rows, end, f"{total}, {how}"])


def _known_rows(known: KnownCost) -> list[str]:
    """What is spent on what was known, where anything is."""
    rows = []
    if known.before + known.after:
        rows.append(
            f"source: {duration(known.before + known.after)} (measured before training "
            f"{duration(known.before)}, after it {duration(known.after)})"
        )
    parts = (
        ("importance of weights", known.weighed),
        ("samples read that are kept", known.kept),
        ("the original network's answers for them", known.answered),
    )
    said = [f"{name} {duration(seconds)}" for name, seconds in parts if seconds]
    if known.weighed + known.kept:
        rows.append(f"held on to: {duration(known.held)} ({', '.join(said)})")
    return rows


def _phase(job: Job, phase: Phase, times: Times, opening: Opening, kept: Forecast) -> PhaseCost:
    """A phase at its full length."""
    settings = job.trainer
    whole = batches_in_epoch(len(job.data.splits.train), job.data.batch_size)
    batches = min(whole, settings.limit_train_batches or whole)
    val_batches = _batches(len(job.data.splits.val), job)
    val_batches = min(val_batches, settings.limit_val_batches or val_batches)
    training = batches * times.train_batch
    saves = int(training // settings.checkpoint_seconds)
    if settings.checkpoint_steps is not None:
        steps = batches // settings.accumulate_grad_batches
        saves = max(saves, (steps - 1) // settings.checkpoint_steps)
    return PhaseCost(
        phase.name,
        opening.whole,
        phase.epochs * (training + saves * times.save + times.rest),
        phase.epochs * val_batches * times.val_batch,
        max(times.before - opening.few, 0.0) + times.around,
        kept.frontier,
        kept.bytes,
        phase.patience is not None,
    )


def _batches(samples: int, job: Job) -> int:
    return ceil(samples / job.data.eval_batch_size)


def _evaluated(job: Job, name: str) -> int:
    """Batches of a split that are read at the end of a run: of train for the statistics of its features."""
    split = getattr(job.data.splits, name)
    samples = 0 if split is None else len(split)
    return _batches(min(samples, conclusion.MOMENT_SAMPLES) if name == "train" else samples, job)


def _forward(job: Job, network: Network) -> float:
    """Seconds of an evaluation batch from its samples to its features, behind the first or those ready."""
    device = job.trainer.device(World())
    network.to(device).eval()
    laps, began = list[float](), time.monotonic()
    with torch.inference_mode(), job.trainer.precision_context():
        for batch in job.data.loader(job.data.splits.val):
            network.features(to_device(batch.inputs, device)).cpu()
            laps.append(time.monotonic() - began)
            began = time.monotonic()
    late = laps[loaded_ahead(job.data) :]
    return fmean(late) if job.data.num_workers and late else min(laps)


def _test_is_kept(run: FrontierCache, last: Forecast) -> bool:
    """Whether the test samples' features, which the end of the run reads, are there already."""
    test = run.data.splits.test
    return test is not None and last.test > 0 and run.is_kept(Part("test", test), last.frontier)


def _peak(job: Job) -> int:
    """The most that this process, or its GPU, has held."""
    if job.trainer.on_gpu:
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
