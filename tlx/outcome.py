"""How a process of tlx ends: one line for people, one code for shells, nothing half-said."""

import contextlib
import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from tlx.errors import ConfigError, DistributedError, ResourceError, TlxError
from tlx.process.signals import INTERRUPTED, TERMINATED, Terminated
from tlx.withheld import withheld

__all__ = ["INTERNAL", "ending", "explained"]

INTERNAL = 70

OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
LESS_MEMORY = (
    "data.batch_size halved with trainer.accumulate_grad_batches doubled, which trains alike; "
    "tlx resume RUN KEY=VALUE allow_change=true goes on with them"
)
GONE = (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO)


def ending(work: Callable[[], object], crash_log: Path | None = None) -> int:
    """Do some work and give its exit code; an error becomes one line on standard error.

    Args:
        work: What to do.
        crash_log: Where a traceback of this work lies by then, unless the error itself carries
            a `crash_log`; None: nobody wrote one.
    """
    try:
        work()
    except Terminated as stop:
        return _say("terminated", stop, TERMINATED)
    except KeyboardInterrupt as stop:
        return _say("interrupted", stop, INTERRUPTED)
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
    if _is_memory(error, text):
        return ResourceError(f"memory ran out: {text[:200]}", fix=LESS_MEMORY)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return ConfigError("a path is too long for this file system", fix="shorter names")
    if isinstance(error, OSError):
        return _of_the_system(error, text)
    if "DataLoader worker" in text:
        return DistributedError(f"a process that loads data died: {text[:120]}", fix="data.num_workers=0")
    return None


def _is_memory(error: Exception, text: str) -> bool:
    """CUDA, the processor's allocator and the system each have words of their own for it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = isinstance(error, RuntimeError) and any(words in text for words in OUT_OF_MEMORY)
    return said or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


def _of_the_system(error: OSError, text: str) -> ResourceError | None:
    place, again = error.filename or text, _way_on(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"the disk is full: {place}", fix=f"free some space, then {again}")
    if error.errno == errno.EFBIG:
        return ResourceError(
            f"the limit on the size of files is reached: {place}", fix=f"ulimit -f unlimited, then {again}"
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return ResourceError("too many files are open", fix="ulimit -n 4096, or fewer data.num_workers")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        run = getattr(error, "run", None)
        begun = run is not None and "resume" in again
        fix = f"chmod -R u+w {run}, or a copy of it elsewhere" if begun else "another folder"
        return ResourceError(f"{place} may not be read or written", fix=fix)
    if error.errno in GONE:
        return ResourceError(f"the disk does not answer: {place} ({error.strerror})", fix=f"{again} later")
    return None


def _way_on(error: OSError) -> str:
    """What goes on with the run that an error happened in; it may not have come to be one."""
    run = getattr(error, "run", None)
    if run is not None and not Path(run, "config.yaml").is_file():
        return "tlx fit again"
    return f"tlx resume {run or 'RUN'}"


def _fail(error: Exception, crash_log: Path | None) -> int:
    if os.environ.get("TLX_DEBUG") == "1":
        traceback.print_exception(error)
    known = explained(error)
    if known is not None:
        known.fix = known.fix.replace("tlx resume RUN", f"tlx resume {getattr(error, 'run', 'RUN')}")
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


def _say(what: str, stop: KeyboardInterrupt, code: int) -> int:
    became = " ".join(str(stop).split())
    return _write(f"tlx: {what}{'; ' * bool(became)}{became}", code)


def _write(line: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # RuntimeError: it was being written to
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        print(withheld(line), file=sys.stderr, flush=True)  # noqa: T201
    return code


def _stop_writing() -> None:
    """Point standard output nowhere, so that closing it at exit fails silently."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
