"""How a run ends, or changes, written down in its directory."""

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlx.errors import TlxError
from tlx.run.directory import name_run, now, read_state, write_state
from tlx.run.lock import release
from tlx.withheld import withheld

__all__ = ["record_change", "record_death", "record_interruption", "record_refusal", "recorded"]


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
        write_state(run, state | {"status": "finished", "ended": now()})
    finally:
        release(run)


def record_interruption(run: Path) -> None:
    """Write down that the run was interrupted, and let go of it."""
    _record_failure(run, KeyboardInterrupt())
    release(run)


def record_death(run: Path, what: str) -> None:
    """Write down that the process which trained the run is gone without a word."""
    if read_state(run)["status"] == "running":
        write_state(run, read_state(run) | {"status": "failed", "error": what})


def record_refusal(run: Path, error: TlxError) -> None:
    """Write down why nothing was begun in a directory that is there, such as that of a job of a sweep."""
    _record_failure(run, error)


def record_change(run: Path, lines: Sequence[str]) -> None:
    """Write down what changed in a run, once, and that it is not finished any more.

    A line that is in its log already was written by a change that was cut off behind it.
    """
    log = run / "log.txt"
    known = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    new = [f"{line}\n" for line in lines if line not in known[-len(lines) :]]
    with log.open("a", encoding="utf-8") as file:
        file.writelines(new)
    state = read_state(run)
    if state["status"] == "finished":
        write_state(run, state | {"status": "interrupted"})


def _record_failure(run: Path, error: BaseException) -> None:
    stopped = isinstance(error, KeyboardInterrupt)
    name_run(error, run)
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
        write_state(run, state)


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
