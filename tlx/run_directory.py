"""Where runs live and what state they are in. Plain files, read and written without torch."""

import contextlib
import json
import os
import socket
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tlx.errors import CheckpointError, ConfigError, TlxError
from tlx.run_lock import LOCK, acquire, release

__all__ = [
    "begin",
    "check_free",
    "check_run",
    "claimed",
    "place",
    "read_json",
    "read_state",
    "record_death",
    "record_interruption",
    "recorded",
    "shown",
    "write_text",
]

LEFT_BY_A_START = ("plan.json", "phases.json", "metrics.csv", "log.txt", "crash.log")


def place(wish: str | None, home: str, name: str) -> Path:
    """Where a run or sweep lives: the wished folder, or one in `home` named after its config.

    Raises:
        ConfigError: The wish is empty or leads up through `..`.
    """
    if wish is None:
        return Path.cwd() / home / name
    path = Path(wish).expanduser()
    if not str(wish).strip() or ".." in path.parts:
        raise ConfigError(
            f"run_dir={wish!r} is not usable. Expected a folder without ..", fix="run_dir=runs/first"
        )
    return Path(os.path.abspath(path))


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
        raise ConfigError(f"{here} is unfinished ({status})", fix=f"tlx resume {here}")


def check_run(run: Path) -> None:
    """Check that a folder is a run directory that is not being trained right now.

    Raises:
        CheckpointError: It is not there, or no run, or another process trains it.
    """
    if not run.is_dir():
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


def read_state(run: Path) -> dict[str, Any]:
    """The state of a run; a run whose state cannot be read counts as interrupted."""
    try:
        state = read_json(run / "state.json")
    except CheckpointError:
        state = {}
    return {"status": "interrupted", "resumes": 0} | state


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _record_failure(run: Path, error: BaseException) -> None:
    stopped = isinstance(error, KeyboardInterrupt)
    if isinstance(error, OSError) and error.errno and error.filename is None:
        error.filename = shown(run)  # what fails while it writes does not know where
    state = read_state(run) | {"status": "interrupted" if stopped else "failed"}
    if not stopped:
        state["error"] = str(error) if isinstance(error, TlxError) else f"{type(error).__name__}: {error}"
    with contextlib.suppress(OSError):  # a full disk must not hide what happened
        if not stopped:
            log = run / "crash.log"
            log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
            error.__dict__["crash_log"] = log
        _write_state(run, state)


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    seen: set[int] = set()  # an error can be its own cause
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, KeyboardInterrupt):
            return error
        if type(error).__name__ == "SIGTERMException":  # Lightning's word for SIGTERM
            return KeyboardInterrupt("terminated")
        error = error.__cause__ or error.__context__
    return None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _write_state(run: Path, state: Mapping[str, Any]) -> None:
    write_text(run / "state.json", json.dumps(dict(state), indent=2) + "\n")


def _check_not_running(run: Path) -> None:
    state = read_state(run)
    pid = state.get("pid")
    here = state.get("host") == socket.gethostname()
    if state["status"] == "running" and here and isinstance(pid, int) and pid != os.getpid() and _alive(pid):
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


def _alive(pid: int) -> bool:
    """Whether a process lives and is a Python; a number that something else reuses does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    command = Path(f"/proc/{pid}/cmdline")
    try:
        return b"python" in command.read_bytes() or b"tlx" in command.read_bytes()
    except OSError:
        return not Path("/proc/self").exists()


def shown(path: Path) -> str:
    """A path as a person would type it here."""
    try:
        return str(Path(os.path.abspath(path)).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
