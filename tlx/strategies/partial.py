"""Partial fine-tuning: the upper stages move, the lower ones stay."""

from collections.abc import Sequence

from tlx.errors import bad_value
from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["partial"]


def partial(
    stages: Sequence[str],
    *,
    unfrozen: int = 1,
    epochs: int = 20,
    head_rate: float = 1e-3,
    backbone_rate: float = 1e-4,
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    patience: int | None = None,
) -> Plan:
    """Train the head and the last `unfrozen` stages (Yosinski et al. 2014, arXiv 1411.1792).

    Args:
        stages: The backbone's stages.
        unfrozen: How many stages train, counted from the top; 1 up to all of them.
        epochs: The most epochs.
        head_rate: Peak rate of the head.
        backbone_rate: Peak rate of the stages that train.
        schedule: Shape of the rates.
        warmup: Share of the steps over which rates rise.
        patience: Epochs without a better value after which training ends.

    Raises:
        ConfigError: `unfrozen` is not between 1 and the number of stages.
    """
    if not 1 <= unfrozen <= len(stages):
        raise bad_value("unfrozen", unfrozen, f"1 to {len(stages)}, the number of stages")
    top = tuple(stages)[len(stages) - unfrozen :]
    trains = dict.fromkeys(top, backbone_rate) | {HEAD: head_rate}
    return Plan(tuple(stages), (Phase(" + ".join((*top, HEAD)), trains, epochs, patience, schedule, warmup),))
