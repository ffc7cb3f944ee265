"""A job looked at before it runs: its optimizer, its modes, one batch, and what it will write."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from torch.optim import Optimizer

from tlx.assembly import build_network, describe_plan, disk_known, disk_needed, origin_of
from tlx.evaluation import to_device
from tlx.inspection.finding import Finding
from tlx.job import Job
from tlx.modules.network import Network, is_norm
from tlx.origin.origin import Origin
from tlx.plan import Plan, split_part
from tlx.report.formats import size
from tlx.trainer import World
from tlx.types import Batch, FrontierValues, Inputs

__all__ = [
    "Rehearsal",
    "Trial",
    "first_batch",
    "modes",
    "optimizer_groups",
    "rehearse",
    "shared",
    "space",
    "try_batch",
]

FEW = 8
"""Samples in a batch below which the statistics of BatchNorm say little."""


@dataclass(frozen=True)
class Rehearsal:
    """A job with its network, its plan and its optimizer, none of which will train.

    Args:
        job: The job.
        network: Built as the run would build it.
        plan: What the strategy compiles to.
        optimizer: With every group the run will ever have.
        table: The plan for people.
        origin: What the run starts from, where something holds on to it.
    """

    job: Job
    network: Network
    plan: Plan
    optimizer: Optimizer
    table: str
    origin: Origin | None = None

    @property
    def disk(self) -> int:
        """Bytes that the run keeps in its folder at most."""
        return disk_needed(self.job, self.plan, self.network, self.origin)

    @property
    def known(self) -> int:
        """Those of them that are what it holds on to."""
        return 0 if self.origin is None else disk_known(self.job, self.origin)


@dataclass(frozen=True)
class Trial:
    """What one batch forward and backward came to.

    Args:
        samples: In the batch.
        seconds: For forward, backward and a step of the optimizer at rate 0.
        loss: The training loss.
        plain: Cross-entropy without weights and smoothing; None where targets are no classes.
        classes: K.
        without: Names of parameters that train and got no gradient.
        weights, moments: Bytes of the network, and of the optimizer's state.
        batch: Bytes of the inputs.
    """

    samples: int
    seconds: float
    loss: float
    plain: float | None
    classes: int
    without: tuple[str, ...]
    weights: int
    moments: int
    batch: int


def rehearse(job: Job) -> Rehearsal:
    """Build what a run would build.

    Raises:
        TlxError: As the run would.
    """
    job.data.preprocessing = job.backbone.preprocessing
    plain, table = describe_plan(job)
    plan = Plan.from_dict(plain)
    network = build_network(job)
    origin = origin_of(job, network, plan, Path(), World())
    return Rehearsal(job, network, plan, job.optimizer(network.parameter_groups()), table, origin)


def optimizer_groups(rehearsal: Rehearsal) -> list[Finding]:
    """The groups that move in each phase, with their peak rates and their decay; what never moves."""
    network, plan, optimizer = rehearsal.network, rehearsal.plan, rehearsal.optimizer
    held = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    findings, moved = [], set()
    for number, phase in enumerate(plan.phases, 1):
        network.freeze_except(phase.trains, plan.norms)
        rates = {split_part(part)[0]: rate for part, rate in phase.trains.items()}
        trains = list(network.trainable())
        moved |= {id(p) for _, p in trains}
        lost = [name for name, p in trains if id(p) not in held]
        if lost:
            findings.append(
                Finding(
                    "bad",
                    f"phase {number} would train {len(lost)} parameters that no group of the optimizer "
                    f"holds, first {lost[0]}",
                    "an optimizer that keeps all the groups it is given",
                )
            )
        rows = _group_rows(optimizer.param_groups, {id(p) for _, p in trains}, rates)
        findings.append(Finding("ok", f"phase {number} {phase.name!r}: {'; '.join(rows)}"))
    parts = list(network.named_parts())
    never = [(stage, p) for stage, _, p in parts if id(p) not in moved]
    if never:
        stages = ", ".join(dict.fromkeys(stage for stage, _ in never))
        count = sum(p.numel() for _, p in never)
        findings.append(
            Finding("ok", f"never train: {count:,} of {sum(p.numel() for *_, p in parts):,} in {stages}")
        )
    return findings


def modes(rehearsal: Rehearsal) -> list[Finding]:
    """What of each phase is in evaluation mode, and what its norms do."""
    network, plan, job = rehearsal.network, rehearsal.plan, rehearsal.job
    share = job.data.batch_size // job.trainer.processes
    findings = []
    for number, phase in enumerate(plan.phases, 1):
        network.freeze_except(phase.trains, plan.norms)
        network.train()
        still = [stage for stage in network.backbone.stages if not _any_training(network, stage)]
        norms = [module for module in network.backbone.net.modules() if is_norm(module)]
        active = [module for module in norms if module.training]
        said = f"phase {number}: in evaluation mode {', '.join(still) or 'no whole stage'}"
        if norms:
            said += f"; {len(norms) - len(active)} of {len(norms)} norms frozen in evaluation mode"
        counting = [module for module in active if getattr(module, "running_mean", None) is not None]
        if counting and share < FEW:
            findings.append(
                Finding(
                    "warn",
                    f"{said}; the other {len(counting)} take their statistics from {share} samples at a time",
                    f"norms=statistics, or data.batch_size={FEW * job.trainer.processes * 2}",
                )
            )
        else:
            findings.append(Finding("ok", said))
    network.eval()
    return findings


def try_batch(rehearsal: Rehearsal) -> Trial:
    """One batch forward, backward and through the optimizer at rate 0, in the phase that trains most."""
    job, network, plan = rehearsal.job, rehearsal.network, rehearsal.plan
    phase = max(plan.phases, key=lambda each: len({split_part(part)[0] for part in each.trains}))
    job.data.augmenting = job.data.phase_augments(phase)
    batch: Batch = next(iter(job.data.train_dataloader()))
    device = job.trainer.device(World())
    splits = job.data.splits
    criterion = job.task.criterion(splits.train.labels, splits.classes).to(device)
    network.to(device).freeze_except(phase.trains, plan.norms)
    network.train()
    targets = batch.targets.to(device)
    began = time.monotonic()
    with job.trainer.precision_context():
        outputs = network(to_device(batch.inputs, device))
        loss = criterion(outputs, targets).mean()
    if loss.requires_grad:
        torch.autograd.backward(loss)
    found = float(loss.detach())
    if math.isfinite(found):
        rehearsal.optimizer.step()
    seconds = time.monotonic() - began
    network.eval()
    plain = float(F.cross_entropy(outputs.detach().float(), targets)) if job.task.targets == "class" else None
    return Trial(
        samples=len(targets),
        seconds=seconds,
        loss=found,
        plain=plain,
        classes=len(splits.classes),
        without=tuple(name for name, p in network.trainable() if p.grad is None),
        weights=_bytes(network.state_dict()),
        moments=sum(_bytes(state) for state in rehearsal.optimizer.state.values()),
        batch=_size_of(batch.inputs),
    )


def first_batch(trial: Trial) -> list[Finding]:
    """Whether the batch ran, whether its loss is that of guessing, whether gradients arrive everywhere."""
    said = f"{trial.samples} samples forward and backward in {trial.seconds:.2f} s, loss {trial.loss:.3f}"
    if not math.isfinite(trial.loss):
        return [Finding("bad", said, "trainer.precision=32-true, and a look at the data's values")]
    findings = [Finding("ok", said)]
    if trial.plain is not None:
        chance = math.log(trial.classes)
        said = f"cross-entropy before training is {trial.plain:.2f}, that of guessing {chance:.2f}"
        far = trial.plain > 3 * chance
        way_out = "a look at the data's values and the head; or a longer strategy.warmup"
        findings.append(Finding("warn", said, way_out) if far else Finding("ok", said))
    if trial.without:
        findings.append(
            Finding(
                "warn",
                f"{len(trial.without)} parameters that train got no gradient, first {trial.without[0]}",
                "stages that the network's output depends on",
            )
        )
    return findings


def space(rehearsal: Rehearsal, trial: Trial, free: int) -> Finding:
    """What a run will keep on the disk, as it reckons when it begins, against what is free."""
    once, most = trial.weights + trial.moments, rehearsal.disk
    known = f", of it {size(rehearsal.known)} of what it holds on to" if rehearsal.known else ""
    said = (
        f"a checkpoint takes about {size(once)}, the run at most about {size(most)}{known}; "
        f"{size(free)} are free"
    )
    if most > free:
        return Finding("bad", said, "run_dir=FOLDER on another disk")
    if most > free / 2:
        return Finding("warn", said, "run_dir=FOLDER on another disk")
    return Finding("ok", said)


def shared(trial: Trial, workers: int, free: int | None) -> Finding:
    """What loading processes hold in shared memory: two batches each, and one on its way."""
    need = trial.batch * (2 * workers + 1) if workers else 0
    said = f"data.num_workers={workers} needs about {size(need)} of shared memory"
    if free is None or need <= free:
        return Finding("ok", said)
    return Finding("bad", f"{said}, {size(free)} are free", "data.num_workers=0, or docker run --shm-size=2g")


def _group_rows(
    groups: Sequence[Mapping[str, Any]], training: set[int], rates: Mapping[str, float]
) -> list[str]:
    """The groups that move, those of one rate and one decay together."""
    alike: dict[tuple[float, float], tuple[list[str], int]] = {}
    for group in groups:
        count = sum(p.numel() for p in group["params"] if id(p) in training)
        stage = str(group.get("name", "")).partition("/")[0]
        if count:
            kind = (rates.get(stage, 0.0), float(group.get("weight_decay", 0.0)))
            stages, before = alike.get(kind, ([], 0))
            alike[kind] = ([*stages, stage], before + count)
    return [
        f"{', '.join(stages)} at {rate:g} with {f'decay {decay:g}' if decay else 'no decay'} ({count:,})"
        for (rate, decay), (stages, count) in alike.items()
    ]


def _any_training(network: Network, stage: str) -> bool:
    return any(module.training for top in network.backbone.stage_modules(stage) for module in top.modules())


def _bytes(tensors: Mapping[str, Any]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors.values() if isinstance(t, torch.Tensor))


def _size_of(inputs: Inputs | FrontierValues) -> int:
    values = inputs.values if isinstance(inputs, FrontierValues) else inputs
    return _bytes(values if isinstance(values, dict) else {"": values})
