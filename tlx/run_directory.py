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

__all__ = [
    "begin",
    "check_free",
    "check_run",
    "place",
    "read_json",
    "read_state",
    "record_death",
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
    if not run.exists() or not any(run.iterdir()):
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
        CheckpointError: It is not there, or no run.
        ConfigError: Another process trains it.
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
    """Write down that this process trains the run; what an unusable start left there goes."""
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

    Lightning turns an interrupt into `sys.exit`: it is an interrupt again outside.
    """
    try:
        yield
    except BaseException as error:
        stop = _interrupt(error)
        _record_failure(run, stop or error)
        if stop is not None and stop is not error:
            raise stop from error
        if isinstance(error, SystemExit):
            raise RuntimeError(f"the training process was left by sys.exit({error.code!r})") from error
        raise
    (run / "crash.log").unlink(missing_ok=True)
    state = {key: value for key, value in read_state(run).items() if key != "error"}
    _write_state(run, state | {"status": "finished", "ended": _now()})


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
    state = read_state(run) | {"status": "interrupted" if stopped else "failed"}
    if not stopped:
        state["error"] = str(error) if isinstance(error, TlxError) else f"{type(error).__name__}: {error}"
    with contextlib.suppress(OSError):  # a full disk must not hide what happened
        if not stopped:
            (run / "crash.log").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        _write_state(run, state)


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return error
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
        raise ConfigError(
            f"{shown(run)} is being trained by process {pid}", fix=f"wait for it, or kill {pid}"
        )


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
