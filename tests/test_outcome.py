import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tlx.errors import ConfigError, DistributedError, ResourceError, TlxError
from tlx.outcome import ending, explained
from tlx.process.signals import Terminated
from tlx.run.record import recorded


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("wrong", fix="right"), 2, "tlx: error[config]: wrong. Try: right"),
        (KeyboardInterrupt(), 130, "tlx: interrupted"),
        (Terminated(), 143, "tlx: terminated\n"),
        (Terminated("saved"), 143, "tlx: terminated; saved\n"),
        (MemoryError("much"), 6, "tlx: error[resources]: memory ran out: much"),
        (OSError(errno.ENOSPC, "No space", "file"), 6, "tlx: error[resources]: the disk is full: file"),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal"),
            9,
            "tlx: error[distributed]: a process that loads",
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
    assert explained(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None
    for said in ("[enforce fail] DefaultCPUAllocator: can't allocate memory", "CUDA error: out of memory"):
        known = explained(RuntimeError(said))
        assert type(known) is ResourceError
        assert "data.batch_size" in str(known)
    out_of_memory = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
    assert type(explained(out_of_memory)) is ResourceError


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (errno.EDQUOT, "the disk is full: x"),
        (errno.EFBIG, "the limit on the size of files is reached: x"),
        (errno.EROFS, "x may not be read or written"),
        (errno.EMFILE, "too many files are open"),
        (errno.ENOMEM, "memory ran out"),
        (errno.ESTALE, "the disk does not answer: x"),
    ],
)
def test_what_the_system_lacks_is_a_resource(number: int, line: str) -> None:
    known = explained(OSError(number, os.strerror(number), "x"))
    assert isinstance(known, ResourceError)
    assert known.what.startswith(line)


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
