"""Where runs live and what state they are in. Plain files, read and written without torch."""

import contextlib
import json
import os
import socket
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tlx.errors import CheckpointError, ConfigError, SecurityError, TlxError
from tlx.made_by import made_by, refuse_newer
from tlx.run_lock import LOCK, acquire, alive, release
from tlx.run_name import refuse_name
from tlx.withheld import withheld, without_withheld

__all__ = [
    "begin",
    "check_free",
    "check_run",
    "claimed",
    "how_left",
    "place",
    "read_json",
    "read_state",
    "record_change",
    "record_death",
    "record_interruption",
    "recorded",
    "shown",
    "write_text",
]

WRITTEN = ("config.yaml", "crash.log", "log.txt", "metrics.csv", "plan.json", "ranks.log", "state.json")
"""Files of a run that are written to where they lie."""

LEFT_BY_A_START = ("plan.json", "phases.json", "metrics.csv", "log.txt", "crash.log")


def place(wish: str | None, home: str, name: str) -> Path:
    """Where a run or sweep lives: the wished folder, or one in `home` named after its config.

    Raises:
        ConfigError: The wish is no name for a folder, or leads up through `..`.
    """
    if wish is None:
        return Path.cwd() / home / name
    refuse_name(wish)
    return Path(os.path.abspath(Path(wish).expanduser()))


def check_free(run: Path) -> None:
    """Refuse to train where something is that would be lost.

    A run that stopped before its first checkpoint has nothing to lose and starts anew.

    Raises:
        ConfigError: The run is finished, is going on, or can be resumed.
    """
    if not run.exists() or not any(path.name != LOCK for path in run.iterdir()):
        return
    here = shown(run)
    if not (run / "config.yaml").is_file():
        raise ConfigError(f"{here} holds other files", fix="run_dir=ANOTHER_FOLDER")
    status = read_state(run)["status"]
    if status == "finished":
        raise ConfigError(
            f"{here} is finished and is not overwritten",
            fix=f"tlx report {here}; to train it anew, another seed, run_dir=ANOTHER_FOLDER, or delete it",
        )
    _check_not_running(run)
    if any((run / "checkpoints").glob("*")):
        raise ConfigError(f"{here} is unfinished ({how_left(run)})", fix=f"tlx resume {here}")


def check_run(run: Path) -> None:
    """Check that a folder is a run directory that is not being trained right now.

    Raises:
        CheckpointError: It is not there, or no run, of a newer tlx, or another process trains it.
        SecurityError: One of its files is a link that leads out of it.
    """
    if not os.path.isdir(run):
        near = (
            sorted(path.name for path in run.parent.iterdir() if path.is_dir()) if run.parent.is_dir() else []
        )
        others = f"; {shown(run.parent)} holds {', '.join(near[:5])}" if near else ""
        raise CheckpointError(
            f"no run at {shown(run)}{others}", fix="tlx fit, which prints where its run lives"
        )
    if not (run / "config.yaml").is_file():
        raise CheckpointError(
            f"{shown(run)} is no run: there is no config.yaml", fix="a folder that tlx fit made"
        )
    _check_links(run)
    refuse_newer(read_state(run).get("made_by"), "the run", run)
    _check_not_running(run)


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
        "started": before.get("started") or _now(),
        "resumes": int(before.get("resumes", 0)) + int(resumed),
        "made_by": made_by(),
    }
    _write_state(run, state)


@contextlib.contextmanager
def recorded(run: Path) -> Iterator[None]:
    """Write down how what happens inside ends; a traceback goes to crash.log.

    Lightning turns an interrupt into `sys.exit`: it is an interrupt again outside. The error that
    leaves carries the path of its traceback as `crash_log`. The run is let go of.
    """
    try:
        yield
    except BaseException as error:
        stop = _interrupt(error)
        left = error
        if stop is None and isinstance(error, SystemExit):
            left = RuntimeError(f"the training process was left by sys.exit({error.code!r})")
            left.__cause__ = error
        _record_failure(run, stop or left)
        if stop is not None and stop is not error:
            raise stop from error
        if left is not error:
            raise left from error
        raise
    else:
        (run / "crash.log").unlink(missing_ok=True)
        state = {key: value for key, value in read_state(run).items() if key != "error"}
        _write_state(run, state | {"status": "finished", "ended": _now()})
    finally:
        release(run)


@contextlib.contextmanager
def claimed(run: Path) -> Iterator[None]:
    """Keep every other process from training the run.

    Raises:
        CheckpointError: Another process trains it.
    """
    _claim(run)
    try:
        yield
    finally:
        release(run)


def record_interruption(run: Path) -> None:
    """Write down that the run was interrupted, and let go of it."""
    _record_failure(run, KeyboardInterrupt())
    release(run)


def record_death(run: Path, what: str) -> None:
    """Write down that the process which trained the run is gone without a word."""
    if read_state(run)["status"] == "running":
        _write_state(run, read_state(run) | {"status": "failed", "error": what})


def record_change(run: Path, lines: Sequence[str]) -> None:
    """Write down what changed in a run, once, and that it is not finished any more.

    A line that is in its log already was written by a change that was cut off behind it.
    """
    log = run / "log.txt"
    known = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    new = [f"{line}\n" for line in lines if line not in known[-len(lines) :]]
    with log.open("a", encoding="utf-8") as file:
        file.writelines(new)
    state = read_state(run)
    if state["status"] == "finished":
        _write_state(run, state | {"status": "interrupted"})


def read_state(run: Path) -> dict[str, Any]:
    """The state of a run; a run whose state cannot be read counts as interrupted."""
    try:
        state = read_json(run / "state.json")
    except CheckpointError:
        state = {}
    return {"status": "interrupted", "resumes": 0} | state


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
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{shown(path)} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{shown(path)} holds no object")
    return value


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader, or a kill, never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _record_failure(run: Path, error: BaseException) -> None:
    stopped = isinstance(error, KeyboardInterrupt)
    state = read_state(run) | {"status": "interrupted" if stopped else "failed"}
    if not stopped:
        state["error"] = str(error) if isinstance(error, TlxError) else f"{type(error).__name__}: {error}"
    with contextlib.suppress(OSError):  # a full disk must not hide what happened
        if not stopped:
            log = run / "crash.log"
            log.write_text(
                withheld("".join(traceback.format_exception(error))), encoding="utf-8", errors="replace"
            )
            error.__dict__["crash_log"] = log
        _write_state(run, state)


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return error
        if type(error).__name__ == "SIGTERMException":  # Lightning's word for SIGTERM
            return KeyboardInterrupt("terminated")
        error = error.__cause__ or error.__context__
    return None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _write_state(run: Path, state: Mapping[str, Any]) -> None:
    write_text(run / "state.json", json.dumps(without_withheld(state), indent=2) + "\n")


def _check_not_running(run: Path) -> None:
    state = read_state(run)
    pid = state.get("pid")
    here = state.get("host") == socket.gethostname()
    if state["status"] == "running" and here and isinstance(pid, int) and pid != os.getpid() and alive(pid):
        raise _trained_elsewhere(run, state)


def _trained_elsewhere(run: Path, holder: Mapping[str, Any]) -> CheckpointError:
    pid, host = holder.get("pid", "unknown"), holder.get("host", "an unknown host")
    return CheckpointError(
        f"{shown(run)} is being trained by process {pid} on {host}", fix=f"wait for it, or kill {pid}"
    )


def _claim(run: Path) -> None:
    holder = acquire(run)
    if holder is not None:
        raise _trained_elsewhere(run, holder)


def _check_links(run: Path) -> None:
    """Refuse a run in which writing the log would write somewhere else."""
    home = run.resolve()
    for path in (run / name for name in WRITTEN):
        if path.is_symlink() and not path.resolve().is_relative_to(home):
            raise SecurityError(
                f"{shown(path)} is a link that leads out of the run", fix="the file itself in its place"
            )


def shown(path: Path) -> str:
    """A path as a person would type it here."""
    try:
        return str(Path(os.path.abspath(path)).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
