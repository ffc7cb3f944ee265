"""A range of rates tried on a network that is thrown away: all groups at once, their ratios kept."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from tlx.assembly import build_network, plan_of
from tlx.checkpoint.randomness import seed_of
from tlx.evaluation import to_device
from tlx.functional.rate_range import diverged, range_of_factors, smoothed, steepest
from tlx.job import Job
from tlx.modules.supervised import Supervised
from tlx.plan import Phase, split_part
from tlx.trainer import World
from tlx.types import Batch

__all__ = ["Found", "find_rates"]

CALLER = 0x6C72
"""Keeps this randomness apart from that of runs."""


@dataclass(frozen=True)
class Found:
    """A curve, and what it suggests.

    Args:
        phase: Whose trainable set was tried.
        rates: Peak rate of each part at factor 1.
        factors: That were tried, until the loss diverged.
        losses: Smoothed, after each step.
        suggestion: The factor of the steepest fall; None where the loss never fell.
    """

    phase: str
    rates: dict[str, float]
    factors: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float | None


def find_rates(job: Job, number: int | None, low: float, high: float, steps: int) -> Found:
    """Train a few steps at rising rates and see where the loss falls and where it breaks.

    The network and its optimizer are built for this alone, the global random state comes back, and nothing
    is written: no trace is left. Every group keeps its ratio to the others, whatever the factor.

    Args:
        job: What would be trained; not to be used for anything else afterwards.
        number: The phase, from 1; None: the one that trains the most parameters.
        low: The least factor of the phase's rates, > 0.
        high: The greatest one.
        steps: Between them, >= 2, fewer where the loss diverges before.

    Raises:
        ConfigError: The range is none.
    """
    job.trainer.prepare_process()
    plan, network = plan_of(job), build_network(job)

    def trainable(phase: Phase) -> int:
        network.freeze_except(phase.trains, plan.norms)
        return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)

    phase = max(plan.phases, key=trainable) if number is None else plan.phases[number - 1]
    if phase.reinitialise:
        network.backbone.reinitialise(phase.reinitialise, seed_of(job.seed, 3))
    network.freeze_except(phase.trains, plan.norms)
    splits, device = job.data.splits, job.trainer.device(World())
    module = Supervised(network, job.task, splits.train.labels, splits.classes, 1, job.optimizer).to(device)
    module.train()
    job.data.preprocessing = job.backbone.preprocessing
    job.data.augmenting = job.data.phase_augments(phase)
    factors, losses = range_of_factors(low, high, steps), list[float]()
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        optimizer = module.configure_optimizers()
        rates = {split_part(part)[0]: rate for part, rate in phase.trains.items()}
        for step, (factor, batch) in enumerate(zip(factors, _batches(job), strict=False)):
            torch.manual_seed(seed_of(job.seed, CALLER, step))
            for group in optimizer.param_groups:
                group["lr"] = factor * rates.get(group["name"].partition("/")[0], 0.0)
            losses.append(_step(module, optimizer, batch, job, device))
            if diverged(smoothed(losses)):
                break
    curve = smoothed(losses)
    kept = [value for value in curve if math.isfinite(value)]
    tried = factors[: len(kept)]
    return Found(phase.name, dict(phase.trains), tuple(tried), tuple(kept), steepest(tried, kept))


def _step(
    module: Supervised, optimizer: torch.optim.Optimizer, batch: Batch, job: Job, device: torch.device
) -> float:
    """One step of the optimizer; the mean loss before it."""
    with job.trainer.precision_context():
        outputs = module.net(to_device(batch.inputs, device))
        loss = module.criterion(outputs, batch.targets.to(device)).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if job.trainer.gradient_clip_val is not None:
        torch.nn.utils.clip_grad_norm_(module.net.parameters(), job.trainer.gradient_clip_val)
    optimizer.step()
    return float(loss.detach())


def _batches(job: Job) -> Iterator[Batch]:
    """Training batches of one epoch after another."""
    for epoch in itertools.count():
        job.data.position = lambda epoch=epoch: epoch * job.data.batches_per_epoch  # type: ignore[misc]
        yield from job.data.train_dataloader()
