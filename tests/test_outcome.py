import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tlx.errors import ConfigError, DistributedError, ResourceError, TlxError
from tlx.outcome import Terminated, ending, explained, left_at_once, stoppable
from tlx.run_directory import recorded


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


SIGNALLED = """
import os, signal, sys
from pathlib import Path
from tlx.outcome import ending, left_at_once, stoppable
number = getattr(signal, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)
class Swallows:
    def __del__(self):
        os.kill(os.getpid(), number)
def work():
    with stoppable(), left_at_once(Path("noted").touch):
        Swallows()
        print("went on")
sys.exit(ending(work))
"""


@pytest.mark.parametrize(
    ("name", "code", "line"), [("SIGTERM", 143, "tlx: terminated\n"), ("SIGINT", 130, "tlx: interrupted\n")]
)
def test_a_signal_that_a_destructor_would_swallow_ends_the_process(
    name: str, code: int, line: str, tmp_path: Path
) -> None:
    root = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, name],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert (done.returncode, done.stderr, done.stdout) == (code, line, "")
    assert (tmp_path / "noted").exists()


def test_outside_a_command_signals_stay_as_they_are() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with left_at_once(lambda: None):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    with stoppable():
        inner = signal.getsignal(signal.SIGTERM)
        with left_at_once(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is not inner
        assert signal.getsignal(signal.SIGTERM) is inner


def test_the_line_names_the_crash_log_that_the_error_carries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()

    def work() -> None:
        with recorded(run):
            raise ZeroDivisionError("by zero")

    assert ending(work) == 70
    assert capsys.readouterr().err.endswith(f"Try: the traceback in {run / 'crash.log'}\n")


def test_a_traceback_that_nobody_wrote_goes_to_a_name_that_nobody_can_foresee(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    foreseen = tmp_path / f"tlx-crash-{os.getpid()}.log"
    foreseen.symlink_to(tmp_path / "precious")
    for _ in range(2):
        assert ending(raising(ZeroDivisionError("by zero"))) == 70
    logs = [path for path in tmp_path.iterdir() if path != foreseen]
    assert len(logs) == 2
    assert all("ZeroDivisionError: by zero" in path.read_text() for path in logs)
    said = capsys.readouterr().err
    assert all(str(path) in said for path in logs)
    assert not (tmp_path / "precious").exists()
