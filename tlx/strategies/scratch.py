"""From scratch: the same network without its knowledge, the baseline of every transfer."""

from collections.abc import Sequence

from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["scratch"]


def scratch(
    stages: Sequence[str],
    *,
    epochs: int = 20,
    rate: float = 1e-3,
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    patience: int | None = None,
) -> Plan:
    """Train everything from random values, at one rate.

    Args:
        stages: The backbone's stages.
        epochs: The most epochs.
        rate: Peak rate of every part.
        schedule: Shape of the rate.
        warmup: Share of the steps over which the rate rises.
        patience: Epochs without a better value after which training ends.
    """
    trains = dict.fromkeys((*stages, HEAD), rate)
    phase = Phase("all, from random values", trains, epochs, patience, schedule, warmup, tuple(stages))
    return Plan(tuple(stages), (phase,))
