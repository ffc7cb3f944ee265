"""How a process of tlx ends: one line for people, one code for shells, nothing half-said."""

import contextlib
import errno
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from tlx.errors import DistributedError, ResourceError, TlxError

__all__ = ["Terminated", "die_with_parent", "ending", "explained", "stoppable"]

INTERRUPTED, TERMINATED, INTERNAL = 130, 143, 70


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end (SIGTERM)."""


def ending(work: Callable[[], object], crash_log: Path | None = None) -> int:
    """Do some work and give its exit code; an error becomes one line on standard error.

    Args:
        work: What to do.
        crash_log: Where a traceback of this work lies by then; None: nobody wrote one.
    """
    try:
        work()
    except Terminated:
        return _say("terminated", TERMINATED)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _stop_writing()
        return 0
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:
        return _fail(error, crash_log)
    return 0


def explained(error: Exception) -> TlxError | None:
    """The error as one that tlx explains; None where it is not an expected one."""
    if isinstance(error, TlxError):
        return error
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return ResourceError(f"memory ran out: {text[:200]}", fix="data.batch_size halved, or trainer=cpu")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(
            f"the disk is full: {error.filename or text}", fix="free some space, then tlx resume"
        )
    if isinstance(error, PermissionError):
        return ResourceError(f"{error.filename} may not be read or written", fix="another folder")
    if "DataLoader worker" in text and ("killed" in text or "exited" in text):
        return DistributedError(f"a loading process died: {text[:120]}", fix="data.num_workers=0")
    return None


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Make SIGTERM end the work inside as an interrupt does, with state written down."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have this process end when the one that started it does, where the system can (Linux)."""
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import ctypes

        ctypes.CDLL(None).prctl(1, number)


def _fail(error: Exception, crash_log: Path | None) -> int:
    if os.environ.get("TLX_DEBUG") == "1":
        traceback.print_exception(error)
    known = explained(error)
    if known is not None:
        return _write(known.line(), known.exit_code)
    if crash_log is None or not crash_log.is_file():
        crash_log = Path(tempfile.gettempdir()) / f"tlx-crash-{os.getpid()}.log"
        with contextlib.suppress(OSError):
            crash_log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return _write(f"tlx: error[internal]: {what}. Try: the traceback in {crash_log}", INTERNAL)


def _say(what: str, code: int) -> int:
    return _write(f"tlx: {what}", code)


def _write(line: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        print(line, file=sys.stderr, flush=True)  # noqa: T201
    return code


def _stop_writing() -> None:
    """Point standard output nowhere, so that closing it at exit fails silently."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
