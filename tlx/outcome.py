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

from tlx.errors import ConfigError, DistributedError, ResourceError, TlxError
from tlx.withheld import withheld

__all__ = ["Terminated", "die_with_parent", "ending", "explained", "left_at_once", "stoppable"]

INTERRUPTED, TERMINATED, INTERNAL = 130, 143, 70


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end (SIGTERM)."""


def ending(work: Callable[[], object], crash_log: Path | None = None) -> int:
    """Do some work and give its exit code; an error becomes one line on standard error.

    Args:
        work: What to do.
        crash_log: Where a traceback of this work lies by then, unless the error itself carries
            a `crash_log`; None: nobody wrote one.
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
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return ConfigError("a path is too long for this file system", fix="shorter names")
    if isinstance(error, PermissionError):
        return ResourceError(f"{error.filename} may not be read or written", fix="another folder")
    if "DataLoader worker" in text and ("killed" in text or "exited" in text):
        return DistributedError(f"a loading process died: {text[:120]}", fix="data.num_workers=0")
    return None


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Make SIGTERM end the work inside as an interrupt does, with state written down."""
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def left_at_once(note: Callable[[], None]) -> Iterator[None]:
    """Inside `stoppable`, have SIGTERM and SIGINT end the process on the spot during some work.

    An exception that a signal raises lands in whatever frame runs, and a destructor or a library
    may swallow it or turn it into another. Work whose files survive a kill needs no unwinding.
    Outside `stoppable`, which is in Python rather than a command, nothing changes.

    Args:
        note: What to write down first.
    """
    if signal.getsignal(signal.SIGTERM) is not _stop:
        yield
        return
    owner = os.getpid()

    def leave(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        if os.getpid() != owner:  # a copy that has no handlers of its own yet
            os._exit(128 + number)
        with contextlib.suppress(Exception):
            note()
        _end_children()
        terminated = number == signal.SIGTERM
        os._exit(_say("terminated", TERMINATED) if terminated else _say("interrupted", INTERRUPTED))

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have this process end when the one that started it does, where the system can (Linux)."""
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import ctypes

        ctypes.CDLL(None).prctl(1, number)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _end_children() -> None:
    """Kill what multiprocessing started here; loading processes have nothing to write down."""
    import multiprocessing

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch raises where a loading process dies
    for child in multiprocessing.active_children():
        with contextlib.suppress(AssertionError, OSError):  # AssertionError: another's child
            if child.is_alive():
                child.kill()
                child.join(1)


def _fail(error: Exception, crash_log: Path | None) -> int:
    if os.environ.get("TLX_DEBUG") == "1":
        traceback.print_exception(error)
    known = explained(error)
    if known is not None:
        return _write(known.line(), known.exit_code)
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    crash_log = getattr(error, "crash_log", crash_log)
    if crash_log is None or not crash_log.is_file():
        crash_log = _new_crash_log(error)
    way_out = f"the traceback in {crash_log}" if crash_log else "TLX_DEBUG=1, which shows the traceback"
    return _write(f"tlx: error[internal]: {what}. Try: {way_out}", INTERNAL)


def _new_crash_log(error: Exception) -> Path | None:
    """A traceback in a new temporary file whose name nobody can foresee."""
    with contextlib.suppress(OSError):
        number, name = tempfile.mkstemp(prefix="tlx-crash-", suffix=".log", text=True)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(withheld("".join(traceback.format_exception(error))))
        return Path(name)
    return None


def _say(what: str, code: int) -> int:
    return _write(f"tlx: {what}", code)


def _write(line: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # RuntimeError: it was being written to
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        print(withheld(line), file=sys.stderr, flush=True)  # noqa: T201
    return code


def _stop_writing() -> None:
    """Point standard output nowhere, so that closing it at exit fails silently."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
