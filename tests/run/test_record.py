import json
import os
import socket
from pathlib import Path

import pytest

from tlx.errors import DataError
from tlx.run.directory import begin, check_free, check_run, claimed, read_state, write_text
from tlx.run.record import record_death, record_interruption, recorded


def test_state_goes_from_running_to_finished(run: Path) -> None:
    assert read_state(run) | {
        "status": "running",
        "pid": os.getpid(),
        "host": socket.gethostname(),
    } == read_state(run)
    with recorded(run):
        pass
    assert read_state(run)["status"] == "finished"


@pytest.mark.parametrize(
    ("error", "status", "log"),
    [
        (DataError("no photos"), "failed", True),
        (ZeroDivisionError("by zero"), "failed", True),
        (KeyboardInterrupt(), "interrupted", False),
    ],
)
def test_how_a_run_ends_is_written_down(run: Path, error: BaseException, status: str, log: bool) -> None:
    with pytest.raises(type(error)), recorded(run):
        raise error
    assert read_state(run)["status"] == status
    assert (run / "crash.log").exists() == log
    if log:
        assert type(error).__name__ in (run / "crash.log").read_text()
        assert str(error) in read_state(run)["error"]


def test_an_interrupt_that_a_library_turned_into_an_exit_is_an_interrupt_again(run: Path) -> None:
    turned = SystemExit(1)
    turned.__context__ = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt), recorded(run):
        raise turned
    assert read_state(run)["status"] == "interrupted"


def test_the_word_of_a_library_for_sigterm_is_an_interrupt(run: Path) -> None:
    with pytest.raises(KeyboardInterrupt), recorded(run):
        raise type("SIGTERMException", (SystemExit,), {})
    assert read_state(run)["status"] == "interrupted"
    assert not (run / "crash.log").exists()


def test_an_error_carries_the_path_of_its_traceback(run: Path) -> None:
    for error in (ZeroDivisionError("by zero"), SystemExit(3)):
        with pytest.raises((ZeroDivisionError, RuntimeError)) as caught, recorded(run):
            raise error
        assert caught.value.__dict__["crash_log"] == run / "crash.log"
        assert type(error).__name__ in (run / "crash.log").read_text()


def test_an_error_that_is_its_own_cause_is_written_down_all_the_same(run: Path) -> None:
    error = RuntimeError("round")
    error.__cause__ = error
    with pytest.raises(RuntimeError), recorded(run):
        raise error
    assert read_state(run)["status"] == "failed"


def test_a_write_that_fails_is_said_to_be_of_the_run(run: Path) -> None:
    with pytest.raises(OSError, match="'run'"), recorded(run):
        raise OSError(28, "No space left on device")


def test_a_run_is_held_from_its_beginning_to_its_end(run: Path) -> None:
    assert (run / ".lock").is_file()
    with recorded(run):
        assert json.loads((run / ".lock").read_text())["pid"] == os.getpid()
    assert not (run / ".lock").exists()
    with claimed(run):
        check_free(run.parent / "new")
        begin(run, resumed=True)
        record_interruption(run)
        assert read_state(run)["status"] == "interrupted"
    assert not (run / ".lock").exists()


def test_leaving_by_exit_never_counts_as_finished(run: Path) -> None:
    with pytest.raises(RuntimeError, match=r"sys.exit\(0\)"), recorded(run):
        raise SystemExit(0)
    assert read_state(run)["status"] == "failed"


def test_a_process_that_is_gone_no_longer_trains(run: Path) -> None:
    write_text(run / "state.json", json.dumps(read_state(run) | {"pid": 2**22 + 1}))
    check_run(run)
    record_death(run, "killed by SIGKILL")
    assert (read_state(run)["status"], read_state(run)["error"]) == ("failed", "killed by SIGKILL")
    record_death(run, "again")
    assert read_state(run)["error"] == "killed by SIGKILL"
