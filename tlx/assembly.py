"""A job put together: its network, its plan, and what keeps the frozen part; nothing trains."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tlx.cache.ahead import frontier_of
from tlx.cache.frontier import FrontierCache
from tlx.cache.meta import named
from tlx.cache.place import check_place, named_place, obstacle
from tlx.cache.shared import SharedFiles
from tlx.checkpoint.randomness import seed_of
from tlx.checkpoint.space import bytes_kept
from tlx.errors import ConfigError
from tlx.figures import LAST_EPOCH
from tlx.forgetting import bytes_noted
from tlx.job import Job
from tlx.modules.network import Network
from tlx.origin.origin import SOURCE, Origin, measured
from tlx.origin.seen import warn_of_seen
from tlx.plan import Plan
from tlx.plan_rates import scaled
from tlx.plan_table import plan_table
from tlx.trainer import TrainerSettings, World

__all__ = [
    "build_network",
    "describe_plan",
    "disk_known",
    "disk_needed",
    "feature_bits",
    "frontier_cache",
    "held_on_to",
    "kept_in",
    "new_head",
    "origin_of",
    "plan_of",
]

SHOWN = 3
"""Names of a list that messages show."""


def describe_plan(job: Job) -> tuple[dict[str, Any], str]:
    """The plan of a job as plain values (plan.json) and as a table for people."""
    network, plan = build_network(job), plan_of(job)
    kept = kept_in(job, plan, begins=True)
    origin = origin_of(job, network, plan, Path(), World())  # refuses what cannot be held on to
    job.task.criterion(job.data.splits.train.labels, job.data.classes)  # refuses weights of unknown classes
    job.data.preprocessing = job.backbone.preprocessing
    cache = frontier_cache(job, network, World())
    plain, table = plan_table(plan, network, job.data, cache, job.mixup > 0)
    return plain, "\n".join([table, *kept, *held_on_to(job, origin)])


def kept_in(job: Job, plan: Plan, begins: bool) -> list[str]:
    """Where the frozen part is kept instead, in a line for people, if the folder can never hold anything.

    Args:
        job: The job.
        plan: What trains.
        begins: Whether the run has not trained yet: a folder may go while it is on its way.

    Raises:
        ConfigError: It begins, and there is no other place.
    """
    if begins:
        check_place(job.cache, job.trainer.devices)
    why = obstacle(job.cache)
    if not why or not any(frontier_of(plan, number) for number in range(len(plan.phases))):
        return []
    kept = "held in memory, by this run alone"
    if job.trainer.devices > 1 or not job.cache.memory:
        kept = "computed in every epoch"
    return [f"the frozen part is {kept}, since {named_place(job.cache)} cannot be used: {why}"]


def held_on_to(job: Job, origin: Origin | None) -> list[str]:
    """What protects old knowledge, and what measures how much of it is left, in lines for people.

    Args:
        job: The job.
        origin: What it starts from, where something holds on to it.
    """
    named = [f"{regularizer.name} (strength {regularizer.strength:g})" for regularizer in job.regularizers]
    lines = [f"what was known is held on to by {', '.join(named)}"] if named else []
    for regularizer in job.regularizers:
        if regularizer.replaces_weight_decay:
            lines.append(f"weight decay is off: {regularizer.name} pulls in its place")
        if origin is not None and hasattr(regularizer, "said"):
            lines += regularizer.said(origin)
    if named and origin is not None and not origin.pairs:
        lines.append("nothing has to be: no stage trains that begins with values that were known")
    if job.source is not None:
        known, left = len(job.source.splits.train), len(measured(job.source))
        lines.append(f"source: {known:,} samples to hold on to, {left:,} to measure what is forgotten")
    return lines


def frontier_cache(job: Job, network: Network, world: World) -> FrontierCache:
    """What computes the frozen part once; it speaks once it has a run."""
    settings = job.trainer
    found = FrontierCache(
        job.cache,
        network,
        job.data,
        world,
        settings.device(world),
        settings.precision_context,
        feature_bits(settings),
        lambda line: None,
        job.names,
    )
    found.processes = max(world.local_size, settings.devices)
    return found


def origin_of(job: Job, network: Network, plan: Plan, folder: Path, world: World) -> Origin | None:
    """What a run starts from, where something holds on to it or measures what is forgotten.

    Args:
        job: Its source is labelled with original classes.
        network: With the weights that the run starts from.
        plan: What trains.
        folder: Of the run.
        world: This process among the others.

    Raises:
        ConfigError: A regularizer lacks what it needs.
        DataError: The source has classes that the weights do not know.
    """
    if job.source is None and not job.regularizers:
        return None
    if job.source is not None:
        job.source.rank, job.source.world_size = world.rank, world.size
    device = job.trainer.device(world)
    about = (
        named(job.backbone, job.data.source, job.names)
        if job.source is None
        else named(job.backbone, job.source.source, {"model": job.names.get("model", "")})
    )
    known, shared = folder / "known", SharedFiles(job.cache, device, feature_bits(job.trainer), about)
    origin = job.origin(
        network, plan, job.data, job.source, known, job.seed, world, device, shared, job.earlier
    )
    if job.source is not None:
        origin.need_head(SOURCE)
        origin.labels(job.source.splits.train)
        if world.is_first:
            warn_of_seen(origin)
    for regularizer in job.regularizers:
        regularizer.check(origin)
    return origin


def disk_needed(job: Job, plan: Plan, network: Network, origin: Origin | None) -> int:
    """Bytes that a run keeps in its folder at most, without its page and its figures.

    Args:
        job: The job.
        plan: What trains.
        network: The run's.
        origin: What it starts from, where something holds on to it.
    """
    trained = 0
    for phase in plan.phases:
        network.freeze_except(phase.trains, plan.norms)
        trained = max(trained, sum(p.numel() * p.element_size() for _, p in network.trainable()))
    needed = bytes_kept(network, trained, job.optimizer, job.ema is not None)
    return needed if origin is None else needed + disk_known(job, origin)


def disk_known(job: Job, origin: Origin) -> int:
    """Bytes of them that are what the run holds on to, and what it measured of its source."""
    return bytes_noted(origin) + sum(each.bytes_kept(origin) for each in job.regularizers)


def build_network(job: Job) -> Network:
    """Random values come from the seed alone: those of a random backbone and those of the head."""
    if job.backbone.weights == "random":
        job.backbone.reinitialise(job.backbone.stages, seed_of(job.seed, 1))
    head = new_head(job, len(job.data.classes), len(job.backbone.known))
    if job.continues:
        _go_on(job, head)
    splits = job.data.splits
    output = job.task.output(splits.train.labels, splits.classes)
    return Network(job.backbone, head, output, job.continues)


def new_head(job: Job, classes: int, beside: int = 0) -> nn.Module:
    """A head as a run begins with it, from the seed and its place among the heads alone.

    Two heads that begin with the same values pull the features in the same directions: what one
    learns turns the other's answers around.

    Args:
        job: The job.
        classes: K, >= 1.
        beside: How many heads of earlier runs the network keeps.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(job.seed, 2, *((beside, 1) if beside else ())))
        return job.head(in_features=job.backbone.out_features, classes=classes)


def _go_on(job: Job, head: nn.Module) -> None:
    """Give a head the values of the one that it goes on from."""
    before, heads = job.backbone.known[-1], job.backbone.original_head
    if tuple(job.data.classes) != before.classes:
        raise ConfigError(
            f"init_head=continued goes on with the classes {', '.join(before.classes[:SHOWN])} "
            f"({len(before.classes)}), and the data has {', '.join(job.data.classes[:SHOWN])} "
            f"({len(job.data.classes)})",
            fix="init_head=kept, or data of the same classes in the same order",
        )
    try:
        head.load_state_dict(heads.newest.state_dict())  # type: ignore[union-attr]
    except RuntimeError as error:
        said = " ".join(str(error).split())[:160]
        raise ConfigError(
            f"init_head=continued: model.head is another one than in the run ({said})",
            fix="model.head as it was there, or init_head=kept",
        ) from error


def plan_of(job: Job) -> Plan:
    """What the strategy compiles to, from the stages and, where it asks for them, the counts of classes."""
    asked = inspect.signature(job.strategy).parameters.keys() - getattr(job.strategy, "keywords", {}).keys()
    known = _counted(job) if "counts" in asked else {}
    plan = job.strategy(tuple(job.backbone.stages), **{key: known[key] for key in asked & known.keys()})
    if job.norms != "train":
        plan = replace(plan, norms=job.norms)
    plan = scaled(plan, job.rate_scale, job.stage_rates)
    if job.monitor == LAST_EPOCH and any(phase.patience is not None for phase in plan.phases):
        raise ConfigError(
            "monitor=epoch has no plateau, and a phase of the strategy waits for one",
            fix="monitor=val/accuracy, or a strategy without patience: strategy.patience=null, "
            "strategy.until_plateau=false",
        )
    if job.remembers is not None and not job.going_on(plan):
        raise ConfigError(
            f"init_optimizer=kept, and nothing that is there already trains with "
            f"strategy={job.names.get('strategy', '')}",
            fix="init_optimizer=new, or another strategy, such as full",
        )
    most = job.trainer.limit_epochs
    if most is None:
        return plan
    return replace(plan, phases=tuple(replace(p, epochs=min(p.epochs, most)) for p in plan.phases))


def feature_bits(settings: TrainerSettings) -> dict[str, Any]:
    """What of the settings the bits of a frozen part, or of what it is asked, depend on."""
    return {name: getattr(settings, name) for name in ("precision", "memory_format", "deterministic")}


def _counted(job: Job) -> dict[str, Any]:
    """Training samples of each class, and its name; of numbers, a tenth of all samples, and no name."""
    labels, classes = job.data.splits.train.labels, job.data.classes
    if job.task.targets == "numbers":
        return {"counts": (len(labels) // 10,), "classes": ()}
    found = np.bincount(labels, minlength=len(classes)) if labels.ndim == 1 else labels.sum(axis=0, dtype=int)
    return {"counts": tuple(int(count) for count in found), "classes": tuple(classes)}
