"""Whether a checkpoint is of the network and the classes that go on from it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from torch import Tensor

from tlx.errors import CheckpointError

__all__ = ["check_belongs", "differing", "shapes_of"]

SHOWN = 3
STATES = ("state_dict", "callbacks", "loops", "optimizer_states")


def check_belongs(
    content: Mapping[str, Any], own: Mapping[str, Tensor], classes: Sequence[str], path: Path
) -> None:
    """Refuse a checkpoint of another network or of other classes, before anything of it is used.

    Args:
        content: What the checkpoint holds; one of before it held classes is let through.
        own: Names and shapes of the module's state.
        classes: In order.
        path: Of the checkpoint.

    Raises:
        CheckpointError: With the first three differences.
    """
    lacking = [key for key in STATES if key not in content]
    if lacking:
        raise CheckpointError(f"is no checkpoint of a run: it lacks {', '.join(lacking)}", where=str(path))
    theirs = content.get("classes")
    if theirs is not None and list(theirs) != list(classes):
        pairs = enumerate(zip_longest(theirs, classes))
        others = [f"{_name(a)} there and {_name(b)} here at {n}" for n, (a, b) in pairs if a != b]
        raise _another(path, "classes", others)
    others = list(differing(shapes_of(content["state_dict"]), shapes_of(own)))
    if others:
        raise _another(path, "names or shapes of tensors", others)


def shapes_of(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor by its name; of what is none, the empty one."""
    return {name: tuple(getattr(tensor, "shape", ())) for name, tensor in tensors.items()}


def differing(theirs: Mapping[str, tuple[int, ...]], own: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """Every name that only one of two has, or whose shapes differ, in words."""
    for name in dict.fromkeys([*own, *theirs]):
        mine, other = own.get(name), theirs.get(name)
        if mine is None or other is None:
            yield f"{name[:120]} only {'there' if mine is None else 'here'}"
        elif mine != other:
            yield f"{name[:120]} {other} there and {mine} here"


def _another(path: Path, what: str, others: Sequence[str]) -> CheckpointError:
    return CheckpointError(
        f"the checkpoint is of another network: {len(others)} {what} differ: {'; '.join(others[:SHOWN])}",
        where=str(path),
        fix="the checkpoints that this run wrote, or a new run_dir",
    )


def _name(given: Any) -> str:
    return "none" if given is None else repr(str(given)[:60])
