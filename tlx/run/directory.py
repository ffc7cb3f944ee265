"""Where runs live and what state they are in. Plain files, read and written without torch."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tlx.errors import CheckpointError, ConfigError, TlxError
from tlx.made_by import made_by, refuse_newer
from tlx.run.entries import refuse_links, refuse_other_kinds
from tlx.run.lock import LOCK, acquire, alive, holder_of, release
from tlx.run.name import refuse_name, shown
from tlx.withheld import without_withheld

__all__ = [
    "ASKED",
    "begin",
    "check_free",
    "check_not_running",
    "check_run",
    "claimed",
    "how_left",
    "name_run",
    "now",
    "place",
    "read_json",
    "read_state",
    "refuse_several",
    "sequence_of",
    "shown",
    "write_state",
    "write_text",
]

LEFT_BY_A_START = ("plan.json", "phases.json", "metrics.csv", "log.txt", "crash.log")

ASKED = ("advise", "distance", "fewshot", "gain", "lr", "probe", "rank")
"""The questions: an answer of one has its config in a file of the same name."""

SEVERAL = {"sequence.yaml": ("a sequence of tasks", "tasks/*"), "sweep.json": ("a sweep of jobs", "jobs/*")}
SEVERAL |= {f"{verb}.yaml": (f"an answer of tlx {verb}", "runs/*/*") for verb in ASKED}
"""The file of a folder of several runs, what such a folder is, and where in it they are."""

NAMED = 3
"""Runs of such a folder that a message names."""

STATE = {"status": str, "pid": int, "host": str, "started": str, "resumes": int, "error": str}
"""What kinds of values a state has; others are left out."""


def place(wish: str | None, home: str, name: str) -> Path:
    """Where a run or sweep lives: the wished folder, or one in `home` named after its config.

    Raises:
        ConfigError: The wish is no name for a folder, or leads up through `..`.
    """
    if wish is None:
        return Path.cwd() / home / name
    refuse_name(wish)
    return Path(os.path.abspath(Path(str(wish)).expanduser()))


def check_free(run: Path) -> None:
    """Refuse to train where something is that would be lost.

    A run that stopped before its first checkpoint has nothing to lose and starts anew.

    Raises:
        ConfigError: The run is finished, is going on, or can be resumed.
        SecurityError: Something in it is a link that leads out of it.
    """
    if not run.exists() or _is_bare(run):
        return
    refuse_links(run)
    here = shown(run)
    if not (run / "config.yaml").is_file():
        raise ConfigError(f"{here} holds other files", fix="run_dir=ANOTHER_FOLDER")
    status = read_state(run)["status"]
    if status == "finished":
        raise ConfigError(
            f"{here} is finished and is not overwritten",
            fix=f"tlx report {here}; to train it anew, another seed, run_dir=ANOTHER_FOLDER, or delete it",
        )
    check_not_running(run)
    if any((run / "checkpoints").glob("*")):
        raise ConfigError(f"{here} is unfinished ({how_left(run)})", fix=f"tlx resume {here}")


def check_run(run: Path) -> None:
    """Check that a folder is a run directory that is not being trained right now.

    Raises:
        CheckpointError: It is not there, or no run, of a newer tlx, or another process trains it.
        SecurityError: Something in it is a link that leads out of it.
    """
    if not os.path.isdir(run):
        near = (
            sorted(path.name for path in run.parent.iterdir() if path.is_dir()) if run.parent.is_dir() else []
        )
        others = f"; {shown(run.parent)} holds {', '.join(near[:5])}" if near else ""
        raise CheckpointError(
            f"no run at {shown(run)}{others}", fix="tlx fit, which prints where its run lives"
        )
    refuse_several(run)
    if not (run / "config.yaml").is_file():
        way_out = "tlx fit again: nothing was begun there" if _is_bare(run) else "a folder that tlx fit made"
        raise CheckpointError(f"{shown(run)} is no run: there is no config.yaml", fix=way_out)
    refuse_links(run)
    refuse_other_kinds(run)
    refuse_newer(read_state(run).get("made_by"), "the run", run)
    check_not_running(run)


def refuse_several(folder: Path) -> None:
    """Refuse a sequence, a sweep or an answer where a single run is asked for.

    Raises:
        CheckpointError: It is one; the message names runs in it.
    """
    for note, (what, inside) in SEVERAL.items():
        if (folder / note).is_file():
            is_answer = note.partition(".")[0] in ASKED
            there = [path for path in folder.glob(inside) if path.is_dir()]
            there.sort(key=lambda path: (path.parent.name, len(path.name), path.name))
            here, said = shown(folder), f"{shown(folder)} is {what}, "
            if not there and is_answer:
                raise CheckpointError(
                    f"{said}and it trained no run", fix=f"tlx report {here}, which shows it"
                )
            if not there:
                raise CheckpointError(f"{said}and none has begun", fix=f"tlx resume {here}")
            ends = " to ".join(shown(path) for path in (there[0], there[-1]))
            named = ", ".join(map(shown, there)) if len(there) <= NAMED else ends
            own = "and what it trained are runs of their own" if is_answer else "each a run of its own"
            raise CheckpointError(f"{said}{own}", fix=f"a run in it: {named}")


def sequence_of(run: Path) -> Path | None:
    """The sequence that a run is a task of; None: it is none."""
    folder = run.resolve().parent.parent
    return folder if run.resolve().parent.name == "tasks" and (folder / "sequence.yaml").is_file() else None


def begin(run: Path, resumed: bool = False) -> None:
    """Write down that this process trains the run; what an unusable start left there goes.

    Raises:
        CheckpointError: Another process trains it.
    """
    _claim(run)
    before = read_state(run) if resumed else {}
    if not resumed:
        for name in LEFT_BY_A_START:
            (run / name).unlink(missing_ok=True)
    state = {
        "status": "running",
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": before.get("started") or now(),
        "resumes": before.get("resumes", 0) + int(resumed),
        "made_by": made_by(),
    }
    write_state(run, state)


@contextlib.contextmanager
def claimed(run: Path) -> Iterator[None]:
    """Keep every other process from training the run; what fails inside knows which run it was.

    Raises:
        CheckpointError: Another process trains it.
    """
    try:
        _claim(run)
        yield
    except Exception as error:
        name_run(error, run)
        raise
    finally:
        release(run)


def name_run(error: BaseException, run: Path) -> None:
    """Give an error the run it happened in, as `run`: what fails while it writes does not know where.

    Args:
        error: Any; a way out of it that says RUN says the run's name from now on.
        run: Its directory.
    """
    error.__dict__["run"] = shown(run)
    if isinstance(error, OSError) and error.errno and error.filename is None:
        error.filename = shown(run)
    if isinstance(error, TlxError):
        error.fix = error.fix.replace("tlx resume RUN", f"tlx resume {shown(run)}")


def read_state(run: Path) -> dict[str, Any]:
    """The state of a run; a run whose state cannot be read counts as interrupted."""
    try:
        state = read_json(run / "state.json")
    except CheckpointError:
        state = {}
    usable = {key: value for key, value in state.items() if isinstance(value, STATE.get(key, object))}
    return {"status": "interrupted", "resumes": 0} | usable


def how_left(run: Path) -> str:
    """How a run that nobody trains here was left, for people: a killed process writes no last word."""
    state = read_state(run)
    if state["status"] != "running":
        return str(state["status"])
    host = state.get("host")
    return "interrupted" if host == socket.gethostname() else f"running on {host} when last heard of"


def read_json(path: Path) -> dict[str, Any]:
    """An object in a JSON file.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no {path.name} in {shown(path.parent)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{shown(path)} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{shown(path)} holds no object")
    return value


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader, or a kill, never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def now() -> str:
    """The time, as a state has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def write_state(run: Path, state: Mapping[str, Any]) -> None:
    """Write down the state of a run."""
    write_text(run / "state.json", json.dumps(without_withheld(state), indent=2) + "\n")


def _is_bare(run: Path) -> bool:
    """Whether a folder holds nothing but what a start leaves that was cut off before it was a run."""
    return all(
        path.name in (LOCK, ".config.yaml") or (path.name.startswith(".") and path.suffix == ".tmp")
        for path in run.iterdir()
    )


def check_not_running(run: Path) -> None:
    """Refuse a directory that another process trains.

    Where there is a lock, it decides: a number can be another process's by now.

    Raises:
        CheckpointError: It does.
    """
    state = read_state(run)
    if state["status"] != "running":
        return
    holder = holder_of(run)
    if holder is None:
        pid, here = state.get("pid", os.getpid()), state.get("host") == socket.gethostname()
        holder = state if here and pid != os.getpid() and alive(pid) else {}
    if holder:
        raise _trained_elsewhere(run, holder)


def _trained_elsewhere(run: Path, holder: Mapping[str, Any]) -> CheckpointError:
    pid, host = holder.get("pid", "unknown"), holder.get("host", "an unknown host")
    return CheckpointError(
        f"{shown(run)} is being trained by process {pid} on {host}", fix=f"wait for it, or kill {pid}"
    )


def _claim(run: Path) -> None:
    holder = acquire(run)
    if holder is not None:
        raise _trained_elsewhere(run, holder)
