import os
import signal
from pathlib import Path

import pytest

from tests.command import SMOKE, Server, until
from tlx.errors import DataError, DistributedError
from tlx.process.signals import Terminated
from tlx.verbs.launch import _judge, as_error, note_failure, note_stop, rank_failures

TWO = ("trainer=ddp", "trainer.accelerator=cpu", "run_dir=runs/two")
SHORT = ("trainer.limit_train_batches=2", "trainer.limit_val_batches=2")


def processes_of(run: Path) -> list[int]:
    """Every living process that was started for a run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(run).encode() in words:
            found.append(int(path.parent.name))
    return found


def test_the_rank_that_failed_first_is_the_one_that_speaks(tmp_path: Path) -> None:
    note_failure(tmp_path, 1, RuntimeError("the other side is gone"), seconds=2.0)
    note_failure(tmp_path, 0, DataError("no photos", "photos", "look"), seconds=1.0)
    first, second = rank_failures(tmp_path)
    assert str(as_error(first)) == "no photos, photos. Try: look"
    assert isinstance(as_error(first), DataError)
    assert isinstance(as_error(second), DistributedError)
    assert "rank 1: RuntimeError: the other side is gone" in str(as_error(second))
    assert list(tmp_path.iterdir()) == []


def test_an_end_that_was_asked_for_is_one_only_where_every_rank_was_asked(tmp_path: Path) -> None:
    for rank in range(2):
        note_stop(tmp_path, rank, "saved")
    with pytest.raises(Terminated, match="saved"):
        _judge(tmp_path, 2, 0, rank_failures(tmp_path))
    note_stop(tmp_path, 0)  # the launcher ends it, for the other one is dead
    with pytest.raises(DistributedError, match="none of them said why"):
        _judge(tmp_path, 2, 1, rank_failures(tmp_path))
    note_stop(tmp_path, 0)
    note_failure(tmp_path, 1, RuntimeError("Timed out waiting"), seconds=1.0)
    with pytest.raises(DistributedError, match=r"trainer\.rank_timeout is over: rank 1: .*Timed out"):
        _judge(tmp_path, 2, 1, rank_failures(tmp_path))
    note_failure(tmp_path, 0, RuntimeError("lost"), seconds=1.0)
    note_failure(tmp_path, 1, DistributedError("a process that loads data died"), seconds=2.0)
    with pytest.raises(DistributedError, match="a process that loads data died"):
        _judge(tmp_path, 2, 1, rank_failures(tmp_path))
    _judge(tmp_path, 2, 0, [])


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("data.batch_size=5", 2, "data.batch_size=5"),
        ("data.eval_batch_size=7", 2, "data.eval_batch_size=7"),
        ("model.weights=nowhere.pth", 4, "nowhere.pth"),
    ],
)
def test_what_no_rank_could_train_leaves_no_directory(
    command: Server, tmp_path: Path, word: str, code: int, said: str
) -> None:
    result = command.run(tmp_path, "fit", *SMOKE, *TWO, word)
    assert result.code == code, result.err
    assert said in result.err and result.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.slow
def test_a_killed_rank_ends_the_run_with_one_line_and_no_orphans(command: Server, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "two"
    argv = ("fit", "model.weights=null", *TWO, *SHORT, "strategy=full", "strategy.epochs=4000")
    started = command.start(tmp_path, *argv)
    until(lambda: list((run / "checkpoints").glob("*.ckpt")))
    os.kill(max(processes_of(run)), signal.SIGKILL)
    result = started.wait()
    assert result.code == 9
    assert result.err.count("\n") == 1
    assert "Try: tlx resume runs/two" in result.err
    assert until(lambda: processes_of(run) == [])


@pytest.mark.slow
def test_an_error_of_the_ranks_is_one_line_with_its_own_code(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "fit", *SMOKE, *TWO, "data=folder", "data.root=nowhere")
    assert result.code == 3
    assert result.err.count("\n") == 1
    assert "nowhere does not exist" in result.err
