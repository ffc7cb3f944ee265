"""Surgical fine-tuning: one block of stages moves, and the head."""

import math
from collections.abc import Sequence

from tlx.errors import bad_value, unknown_name
from tlx.plan import HEAD, Phase, Plan, Schedule

__all__ = ["surgical"]

THIRDS = ("first", "middle", "last")


def surgical(
    stages: Sequence[str],
    *,
    block: str | Sequence[str] = "first",
    epochs: int = 20,
    head_rate: float = 1e-3,
    backbone_rate: float = 1e-4,
    schedule: Schedule = "cosine",
    warmup: float = 0.1,
    patience: int | None = None,
) -> Plan:
    """Train the head and one contiguous block of stages, freeze what lies below and above it.

    Lee et al. 2023 (arXiv 2210.11466): the block to train is the one whose part of the mapping
    shifted: the first when inputs look different (noise, blur, another camera), the middle when
    features do (other sub-groups of the classes), the last when labels do. Departures: they keep
    the source's head and tune the block alone, here the head is new and trains along; their
    selection of layers by relative gradient norm (Auto-RGN) is not done.

    Args:
        stages: The backbone's stages.
        block: "first", "middle" or "last", a third of the stages each, the lower thirds being the
            larger where the division leaves a rest; or the names of neighbouring stages.
        epochs: The most epochs.
        head_rate: Peak rate of the head.
        backbone_rate: Peak rate of the block.
        schedule: Shape of the rates.
        warmup: Share of the steps over which rates rise.
        patience: Epochs without a better value after which training ends.

    Raises:
        ConfigError: `block` names no stage, or stages that are no neighbours.
    """
    chosen = _chosen(tuple(stages), block)
    trains = dict.fromkeys(chosen, backbone_rate) | {HEAD: head_rate}
    phase = Phase(" + ".join((*chosen, HEAD)), trains, epochs, patience, schedule, warmup)
    return Plan(tuple(stages), (phase,))


def _chosen(stages: tuple[str, ...], block: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(block, str) and block in THIRDS and block not in stages:
        third = THIRDS.index(block)
        start = min(math.ceil(third * len(stages) / 3), len(stages) - 1)
        return stages[start : max(math.ceil((third + 1) * len(stages) / 3), start + 1)]
    if not isinstance(block, str | list | tuple) or not block:
        raise bad_value("block", block, f"one of {', '.join(THIRDS)}, or names of stages", "block=first")
    names = [block] if isinstance(block, str) else [str(name) for name in block]
    for name in names:
        if name not in stages:
            raise unknown_name("stage or block", name, (*stages, *THIRDS))
    depths = sorted(stages.index(name) for name in names)
    if depths != list(range(depths[0], depths[0] + len(depths))):
        neighbours = f"neighbours in {', '.join(stages)}, each once"
        raise bad_value(
            "block", names, neighbours, "strategy=discriminative with strategy.rates, for any set"
        )
    return tuple(stages[depth] for depth in depths)
