"""What an optimizer remembers of its weights, such as Adam's moments, handed from one run to the next."""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from torch.optim import Optimizer

from tlx.checkpoint.durable import checkpoints, is_whole, read
from tlx.errors import CheckpointError
from tlx.run.directory import shown

__all__ = ["Remembered", "newest_whole", "remembered", "take_up", "taking_up"]

Remembered: TypeAlias = dict[str, list[dict[str, Any]]]
"""By the name of a parameter group, what is remembered of each of its weights; of an untrained one {}."""


def taking_up(
    run: Path | None, parts: Collection[str], tell: Callable[[str], object]
) -> Callable[[Optimizer], None] | None:
    """What gives a new optimizer the memory of a run's; None of no run.

    Args:
        run: A run directory.
        parts: As in `take_up`.
        tell: Takes a line for people: what there is to remember.
    """
    if run is None:
        return None
    known = remembered(run)
    trained = dict.fromkeys(name.rpartition("/")[0] for name, states in known.items() if any(states))
    kept = [part for part in trained if part in parts]
    if kept:
        tell(f"the optimizer goes on with what that of {shown(run)} remembers of {', '.join(kept)}")
    else:
        tell(f"init_optimizer=kept keeps nothing: {shown(run)} trained nothing of what goes on here")
    return partial(take_up, known=known, parts=parts)


def newest_whole(run: Path) -> Path:
    """The newest checkpoint of a run; an older one would be of other weights.

    Args:
        run: A run directory.

    Raises:
        CheckpointError: There is no checkpoint, or the newest is damaged.
    """
    found = checkpoints(run / "checkpoints")
    if not found or not is_whole(found[-1]):
        what = f"{shown(found[-1])} is damaged" if found else f"{shown(run)} has no checkpoint"
        raise CheckpointError(
            f"{what}, which is where the memory of an optimizer lies",
            fix="init_optimizer=new, or init_from=RUN, a run directory with its checkpoints",
        )
    return found[-1]


def remembered(run: Path) -> Remembered:
    """What the optimizer of a run remembered at its newest checkpoint.

    These are the moments of its last step, also where its bundle has the weights of its best epoch.

    Args:
        run: A run directory.

    Raises:
        CheckpointError: There is no checkpoint, or the newest is damaged.
    """
    content = read(newest_whole(run))["optimizer_states"][0]
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
        parts: Stages, or the head, whose weights begin as the bundle of the other run has them.

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
