"""What a run has left of the tasks that it held on to, for the run that goes on from it."""

from pathlib import Path
from typing import NamedTuple

from safetensors import safe_open

from tlx.checkpoint.durable import is_whole
from tlx.errors import ConfigError
from tlx.origin.origin import Origin
from tlx.run.directory import shown

__all__ = ["ANCHOR", "TASKS", "HandedOn", "check_taken_over", "handed_on", "newest_task", "taken_over"]

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


def check_taken_over(origin: Origin, file: str, tasks: str, count: int | None) -> None:
    """Refuse what the run before held on to in another way, and a newest task without samples.

    Args:
        origin: Of the run that goes on from that one.
        file: What the run before left, by its name.
        tasks: How this run holds on to several tasks.
        count: How many samples it measures at most; None: all.

    Raises:
        ConfigError: With a way out.
    """
    handed = handed_on(origin.earlier, file)
    if handed is None:
        return
    if other := handed.other_mode(tasks):
        raise ConfigError(
            f"regularizer.ewc.tasks={tasks}, and {shown(handed.run)}, which this run goes on from, "
            f"held on to its tasks by tasks={other}: what it knows of them would be lost",
            fix=f"regularizer.ewc.tasks={other}, or init_head=new, which lets go of them",
        )
    left, of = newest_task(origin, count)
    if handed.fits(tasks) and not left:
        named = ", ".join(origin.classes[n] for n in origin.groups[-1][:3])
        raise ConfigError(
            f"regularizer=ewc measures the newest task, and {of} has no sample of its classes, {named}",
            fix="source.of in the order in which the tasks were learned, or samples of them",
        )


def taken_over(origin: Origin, file: str, tasks: str, decay: float, count: int | None) -> list[str]:
    """What becomes of the tasks that the run before held on to, in lines for people.

    Args:
        origin: As in `check_taken_over`.
        file: As there.
        tasks: As there.
        decay: What of the information of earlier tasks counts after each further one.
        count: As there.
    """
    handed = handed_on(origin.earlier, file)
    if handed is None and decay != 1:
        return [
            f"ewc takes over nothing, so regularizer.ewc.decay={decay:g} counts in runs that go on from this"
        ]
    if handed is None:
        return []
    told = f"what {shown(handed.run)} held on to"
    if not handed.fits(tasks):
        why = "it left no place to be pulled to; regularizer.ewc.tasks=online takes it over"
        return [f"ewc does not take over {told}: {why}"]
    left, of = newest_task(origin, count)
    return [f"ewc takes over {told}, and measures the newest task alone: {left:,} samples of {of}"]
