"""What it took to come as far as from scratch: epochs, seconds, operations."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tlx.figures import higher_is_better
from tlx.protocols.comparison.arms import Arm, Finished, curve_of, monitored
from tlx.protocols.comparison.flops import epoch_flops
from tlx.protocols.given import Given

__all__ = ["Saved", "saved"]


@dataclass(frozen=True)
class Saved:
    """What it took to reach the best validation figure from scratch, means over seeds that reached it.

    Args:
        target: That figure, the mean of the seeds' best ones.
        reached: Seeds of the pre-trained arm that reached it.
        transfer_epochs: Until then; None where no seed reached it.
        scratch_epochs: Until each seed's own best.
        transfer_seconds: The run's training seconds, divided over its epochs by their operations.
        scratch_seconds: The same.
        transfer_flops: As `tlx.protocols.comparison.flops.epoch_flops` counts them.
        scratch_flops: The same.
    """

    target: float
    reached: int
    transfer_epochs: float | None
    scratch_epochs: float
    transfer_seconds: float | None
    scratch_seconds: float
    transfer_flops: float | None
    scratch_flops: float


def saved(
    given: Given, transfer: tuple[Arm, Sequence[Finished]], scratch: tuple[Arm, Sequence[Finished]]
) -> Saved:
    """Compare two arms by when they were as good as the best of scratch.

    Args:
        given: Builds jobs, to count operations.
        transfer: The pre-trained arm with its runs.
        scratch: The other.
    """
    figure = monitored(given.config)
    higher = higher_is_better(figure)
    best = max if higher else min
    curves = [curve_of(run, figure) for run in scratch[1]]
    target = fmean(best(curve) for curve in curves)
    until = [_reached(curve_of(run, figure), target, higher) for run in transfer[1]]
    kept = [(run, epochs) for run, epochs in zip(transfer[1], until, strict=True) if epochs is not None]
    own = [(run, curve.index(best(curve)) + 1) for run, curve in zip(scratch[1], curves, strict=True)]
    spent, spent_scratch = _spent(given, transfer[0], kept), _spent(given, scratch[0], own)
    return Saved(
        target=target,
        reached=len(kept),
        transfer_epochs=fmean(epochs for _, epochs in kept) if kept else None,
        scratch_epochs=fmean(epochs for _, epochs in own),
        transfer_seconds=fmean(seconds for seconds, _ in spent) if spent else None,
        scratch_seconds=fmean(seconds for seconds, _ in spent_scratch),
        transfer_flops=fmean(flops for _, flops in spent) if spent else None,
        scratch_flops=fmean(flops for _, flops in spent_scratch),
    )


def _spent(given: Given, arm: Arm, runs: Sequence[tuple[Finished, int]]) -> list[tuple[float, float]]:
    """Seconds and operations of the first epochs of each run."""
    flops = epoch_flops(given.makers.job(arm.config)) if runs else []
    found = []
    for run, epochs in runs:
        each = [flops[int(phase)] for phase in curve_of(run, "phase")]
        first = sum(each[:epochs])
        found.append((first / sum(each) * float(run.summary["train/seconds"]), float(first)))
    return found


def _reached(curve: Sequence[float], target: float, higher: bool) -> int | None:
    """The first epoch, counted from 1, whose value is at least as good."""
    return next(
        (n for n, value in enumerate(curve, 1) if (value >= target if higher else value <= target)), None
    )
