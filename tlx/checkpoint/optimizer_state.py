"""What an optimizer remembers of its weights, such as Adam's moments, handed from one run to the next."""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from torch.optim import Optimizer

from tlx.checkpoint.durable import checkpoints, is_whole, read
from tlx.errors import CheckpointError

__all__ = ["Remembered", "remembered", "take_up", "taking_up"]

Remembered: TypeAlias = dict[str, list[dict[str, Any]]]
"""By the name of a parameter group, what is remembered of each of its weights; of an untrained one {}."""


def taking_up(run: Path | None, parts: Collection[str]) -> Callable[[Optimizer], None] | None:
    """What gives a new optimizer the memory of a run's; None of no run.

    Args:
        run: A run directory.
        parts: As in `take_up`.
    """
    return None if run is None else partial(take_up, known=remembered(run), parts=parts)


def remembered(run: Path) -> Remembered:
    """What the optimizer of a run remembered at its newest checkpoint.

    Args:
        run: A run directory.

    Raises:
        CheckpointError: There is no checkpoint, or the newest is damaged.
    """
    found = checkpoints(run / "checkpoints")
    if not found or not is_whole(found[-1]):
        raise CheckpointError(
            f"{run} has no whole checkpoint, which is where the memory of an optimizer lies",
            fix="init_optimizer=new, or put its checkpoints back",
        )
    content = read(found[-1])["optimizer_states"][0]
    return {
        group["name"]: [content["state"].get(place, {}) for place in group["params"]]
        for group in content["param_groups"]
    }


def take_up(optimizer: Optimizer, known: Remembered, parts: Collection[str]) -> None:
    """Let an optimizer go on from what another one remembered of the same weights.

    Rates and other settings stay its own.

    Args:
        optimizer: That has not stepped yet, its groups named `part/kind`.
        known: Of `remembered`.
        parts: Stages, or the head, whose weights go on from where the other one left them.

    Raises:
        CheckpointError: What is remembered is of weights of other shapes.
    """
    content = optimizer.state_dict()
    for group, saved in zip(optimizer.param_groups, content["param_groups"], strict=True):
        if group["name"].rpartition("/")[0] not in parts:
            continue
        states = known.get(group["name"], [])
        for weight, place, state in zip(group["params"], saved["params"], states, strict=bool(states)):
            shapes = {tuple(value.shape) for value in state.values() if getattr(value, "ndim", 0)}
            if shapes - {tuple(weight.shape)}:
                raise CheckpointError(
                    f"the optimizer's memory of {group['name']} is of {shapes}, not of {tuple(weight.shape)}",
                    fix="init_optimizer=new",
                )
            if state:
                content["state"][place] = state
    optimizer.load_state_dict(content)
