"""The same job on a few samples, which keeps of frozen parts what the run will have room to keep."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tlx.assembly import frontier_cache
from tlx.cache.forecast import Forecast, forecast
from tlx.cache.serving import training_part
from tlx.cache.settings import CacheSettings
from tlx.data.datamodule import TransferData
from tlx.job import Job
from tlx.modules.network import Network
from tlx.plan import Plan
from tlx.trainer import World
from tlx.types import Split, Splits

__all__ = ["BATCHES", "foretold", "held_more", "loaded_ahead", "shortened"]

BATCHES = 5
"""Training batches that are measured in each of two epochs of a phase, and two of an evaluation; more of
each where processes load ahead."""
ROOM = 1e6


@dataclass(frozen=True)
class _Kept(CacheSettings):
    """Keeps, of the few samples that are measured, what the run will have room to keep of all.

    Args:
        kept: The name and the views of each split that is kept, with the frontier.
    """

    kept: frozenset[tuple[str, int | None, int]] = frozenset()

    def keeps(self, split: str, views: int | None, frontier: int) -> bool:
        return self.is_on and (split, views, frontier) in self.kept


def shortened(job: Job, plan: Plan) -> Job:
    """The share of one process in the same job, on samples from all over its splits.

    Weights and regularizers are its own. Its source is whole, for `ShortOrigin` to take a few samples of.

    Args:
        job: Of which nothing is changed.
        plan: What its strategy compiles to, which may go by all of its samples.
    """
    short = copy.copy(job)
    short.backbone = copy.deepcopy(job.backbone)
    short.strategy = lambda stages: plan
    short.trainer = replace(
        job.trainer,
        accelerator="gpu" if job.trainer.on_gpu else "cpu",
        devices=1,
        num_nodes=1,
        limit_epochs=2,
        checkpoint_seconds=1e9,
        checkpoint_steps=None,
    )
    short.regularizers = copy.deepcopy(job.regularizers)
    short.data = copy.copy(job.data)
    short.data.batch_size //= job.trainer.processes
    short.data.eval_batch_size //= job.trainer.processes
    if job.source is not None:
        short.source = copy.copy(job.source)
        short.source.eval_batch_size //= job.trainer.processes
    train, val, test, classes = job.data.splits
    more = 3 * loaded_ahead(job.data)  # those that lie ready, and as often as many again
    evaluated = (2 + more) * short.data.eval_batch_size
    few = Splits(
        _few(train, (BATCHES + more) * short.data.batch_size),
        _few(val, evaluated),
        test and _few(test, evaluated),
        classes,
    )
    short.data.__dict__["splits"] = few
    return short


def loaded_ahead(data: TransferData) -> int:
    """Batches that processes have loaded when the first one is asked for: torch keeps two for each."""
    return 2 * data.num_workers


def foretold(job: Job, short: Job, network: Network, plan: Plan, folder: Path) -> list[Forecast]:
    """What each phase will keep; the short job keeps the same from then on.

    Args:
        job: The job.
        short: The same on a few samples.
        network: Of the short job.
        plan: What both train by.
        folder: Where the short job keeps what the run keeps on the disk.
    """
    mixes = job.mixup > 0
    cache, told = frontier_cache(job, network, World()), []
    kept = set[tuple[str, int | None, int]]()
    for number, phase in enumerate(plan.phases):
        network.freeze_except(phase.trains, plan.norms)
        told.append(forecast(cache, plan, number, mixes))
        train = training_part(cache, plan, phase, mixes)
        if train is not None and told[-1].train:
            kept.add((train.name, train.views, told[-1].frontier))
        if told[-1].val:
            kept.add(("val", None, told[-1].frontier))
    if job.cache.is_on:
        on_disk = job.cache.disk > 0
        short.cache = _Kept(
            ram=job.cache.ram if on_disk else ROOM,
            disk=ROOM if on_disk else 0.0,
            folder=str(folder),
            views=job.cache.views,
            kept=frozenset(kept),
        )
    return told


def held_more(job: Job, short: Job, told: Sequence[Forecast]) -> int:
    """Bytes of frozen parts' values that a process holds in memory beyond what the short job holds.

    Processes that share a machine hold none: all of them read the same files.
    """
    memory = job.cache.memory if job.trainer.devices == 1 else 0
    whole, few = job.data.splits, short.data.splits

    def share(name: str) -> float:
        split = getattr(whole, name)
        return len(getattr(few, name)) / len(split) if split else 0.0

    full = [_held((each.train, each.val, each.test), memory) for each in told]
    part = [
        _held(
            [int(getattr(each, name) * share(name)) for name in ("train", "val", "test")], short.cache.memory
        )
        for each in told
    ]
    return max(max(full) - max(part), 0)


def _few(split: Split, count: int) -> Split:
    """Samples from all over a split."""
    chosen = np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).astype(np.int64))
    return split.subset(chosen)


def _held(sizes: Sequence[int], memory: int) -> int:
    """Bytes of values that are held in memory, one after another as they fit."""
    held = 0
    for size in sizes:
        held += size if size <= memory - held else 0
    return held
