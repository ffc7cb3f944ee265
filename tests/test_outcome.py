import errno
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tlx.errors import ConfigError, DistributedError, ResourceError, TlxError
from tlx.outcome import Terminated, ending, explained, stoppable


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("wrong", fix="right"), 2, "tlx: error[config]: wrong. Try: right"),
        (KeyboardInterrupt(), 130, "tlx: interrupted"),
        (Terminated(), 143, "tlx: terminated"),
        (MemoryError("much"), 6, "tlx: error[resources]: memory ran out: much"),
        (OSError(errno.ENOSPC, "No space", "file"), 6, "tlx: error[resources]: the disk is full: file"),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal"),
            9,
            "tlx: error[distributed]: a loading",
        ),
        (
            ZeroDivisionError("by\nzero"),
            70,
            "tlx: error[internal]: ZeroDivisionError: by zero. Try: the traceback",
        ),
    ],
)
def test_an_error_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "crash.log").write_text("written by the run")
    assert ending(raising(error), tmp_path / "crash.log") == code
    err = capsys.readouterr().err
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_work_that_ends_well_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert ending(lambda: None) == 0
    assert [ending(raising(SystemExit(code))) for code in (None, 0, 3, "text")] == [0, 0, 3, 1]
    assert capsys.readouterr().err == ""


def test_what_tlx_does_not_expect_stays_unexplained() -> None:
    known: dict[Exception, type[TlxError]] = {MemoryError(): ResourceError, PermissionError(): ResourceError}
    known[RuntimeError("DataLoader worker (pid 1) exited unexpectedly")] = DistributedError
    for error, kind in known.items():
        assert type(explained(error)) is kind
    assert explained(KeyError("x")) is None
    out_of_memory = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
    assert type(explained(out_of_memory)) is ResourceError


def test_sigterm_ends_the_work_inside_and_nothing_else() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel ends the child")
def test_a_child_dies_with_its_parent() -> None:
    child = (
        "import time; from tlx.outcome import die_with_parent\n"
        "die_with_parent(); print('up', flush=True); time.sleep(60)"
    )
    parent = (
        "import os, signal, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=False)
    pid, end = int(done.stdout), time.monotonic() + 10
    status = Path(f"/proc/{pid}/status")
    while status.exists() and "zombie" not in status.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert not status.exists() or "zombie" in status.read_text()
