"""Feature extraction: a new head on a frozen backbone."""

from collections.abc import Sequence

from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["feature_extraction"]


def feature_extraction(
    stages: Sequence[str],
    *,
    epochs: int = 30,
    head_rate: float = 1e-2,
    schedule: Schedule = "cosine",
    warmup: float = 0.0,
    patience: int | None = None,
) -> Plan:
    """Train the head alone.

    The backbone stays as it was, bit for bit (Donahue et al. 2014, arXiv 1310.1531): the
    choice for few labels and a target close to the source.

    Args:
        stages: The backbone's stages.
        epochs: The most epochs.
        head_rate: Peak rate of the head.
        schedule: Shape of the rate.
        warmup: Share of the steps over which the rate rises.
        patience: Epochs without a better value after which training ends.
    """
    phase = Phase("head", {HEAD: head_rate}, epochs, patience, schedule, warmup)
    return Plan(tuple(stages), (phase,))
