"""What a run has left of the tasks that it held on to, for the run that goes on from it."""

from pathlib import Path
from typing import NamedTuple

from safetensors import safe_open

from tlx.checkpoint.durable import is_whole
from tlx.origin.origin import Origin

__all__ = ["ANCHOR", "TASKS", "HandedOn", "handed_on", "newest_task"]

ANCHOR = "anchor/"
"""Begins the name of where a weight is pulled to, where that is not where it was before the run."""

TASKS = "tasks"
"""Under which the file says how several tasks are held on to: `separate` or `online`."""


class HandedOn(NamedTuple):
    """A file of information about weights."""

    path: Path
    is_anchored: bool  # whether it says where each weight is pulled to
    tasks: str  # as its run was asked; empty: a file of before there was such a note

    @property
    def run(self) -> Path:
        """The run that left it."""
        return self.path.parent.parent

    def fits(self, tasks: str) -> bool:
        """Whether a run that is asked for this can take it over: `separate` needs the places."""
        return self.is_anchored == (tasks == "separate")

    def other_mode(self, tasks: str) -> str:
        """The mode that its run was asked for, where the one asked for now contradicts it; else empty."""
        if self.is_anchored:
            return "" if tasks == "separate" else "separate"
        return "online" if tasks == "separate" and self.tasks == "online" else ""


def handed_on(known: Path | None, file: str) -> HandedOn | None:
    """What lies in the folder of a run; None where there is no run, or it left nothing that is whole."""
    path = None if known is None else known / file
    if path is None or not is_whole(path):
        return None
    with safe_open(path, "pt") as opened:
        noted = opened.metadata() or {}
        anchored = any(name.startswith(ANCHOR) for name in opened.keys())  # noqa: SIM118
    return HandedOn(path, anchored, str(noted.get(TASKS, "")))


def newest_task(origin: Origin, count: int | None) -> tuple[int, str]:
    """How many samples there are of the newest task that a network was trained on, and of what they are.

    Args:
        origin: Of the run that goes on from that one.
        count: How many at most; None: all.
    """
    group = None if len(origin.groups) == 1 else origin.groups[-1]
    data, ids = origin.asked(count, group, newest=True)
    parts = len(getattr(data.splits.train, "starts", ()))
    return len(ids), f"the last of the {parts} sources in source.of" if parts > 1 else f"the {data.node}"
