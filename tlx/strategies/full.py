"""Full fine-tuning: every weight moves."""

from collections.abc import Sequence

from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["full"]


def full(
    stages: Sequence[str],
    *,
    epochs: int = 20,
    head_rate: float = 1e-3,
    backbone_rate: float = 1e-4,
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    patience: int | None = None,
) -> Plan:
    """Train backbone and head together from the first step.

    The backbone moves a tenth as fast as the fresh head, as Yosinski et al. 2014
    (arXiv 1411.1792) and much practice since.

    Args:
        stages: The backbone's stages.
        epochs: The most epochs.
        head_rate: Peak rate of the head.
        backbone_rate: Peak rate of every stage.
        schedule: Shape of the rates.
        warmup: Share of the steps over which rates rise.
        patience: Epochs without a better value after which training ends.
    """
    trains = dict.fromkeys(stages, backbone_rate) | {HEAD: head_rate}
    return Plan(tuple(stages), (Phase("all", trains, epochs, patience, schedule, warmup),))
