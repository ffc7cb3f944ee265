"""Numbers, memory and disks give out: one line, its code, and a run that goes on afterwards."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Result, Server
from tests.faults.outcome import differences, outcome
from tests.test_stopping import BATCHES, SHORT, never_stopped, position
from tlx.checkpoint.durable import newest, read

__all__ = ["never_stopped"]


def tensors(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)
    elif hasattr(value, "isfinite"):
        yield value


def check_line(result: Result, code: int, *said: str) -> None:
    assert (result.code, result.err.count("\n")) == (code, 1), result.err
    assert all(words in result.err for words in said), result.err


def resumes_to_the_bit(command: Server, folder: Path, whole: Path) -> None:
    resumed = command.run(folder, "resume", "runs/one")
    assert resumed.code == 0, resumed.err
    assert differences(outcome(folder / "runs" / "one"), outcome(whole)) == []


@pytest.mark.parametrize("value", ["nan", pytest.param("inf", marks=pytest.mark.slow)])
def test_the_first_loss_that_is_no_number_ends_the_run_and_is_in_no_checkpoint(
    command: Server, never_stopped: Path, tmp_path: Path, value: str
) -> None:
    run = tmp_path / "runs" / "one"
    result = command.run(tmp_path, *SHORT, "trainer.checkpoint_steps=1", FAULT=f"loss:{value}:{BATCHES + 4}")
    step = f"the training loss is {value} at step {BATCHES + 5}, in epoch 2, at rates stem "
    check_line(result, 5, step, "on the training samples ", "(the first is ", "allow_change=true")
    assert position(run) == 2 * (BATCHES + 4)
    path = newest(run / "checkpoints")
    assert path is not None
    assert all(bool(tensor.isfinite().all()) for tensor in tensors(read(path)))  # type: ignore[attr-defined]
    assert "Traceback" in (run / "crash.log").read_text()
    resumes_to_the_bit(command, tmp_path, never_stopped)


@pytest.mark.parametrize(
    ("hook", "count", "saved", "when"),
    [
        ("on_train_batch_end", BATCHES + 1, 2 * (BATCHES + 1), f"step {BATCHES + 2}"),
        ("on_validation_end", 1, 2 * (2 * BATCHES - 1), "the best epoch"),
    ],
)
def test_a_weight_that_is_no_number_is_neither_saved_nor_the_best(
    command: Server, never_stopped: Path, tmp_path: Path, hook: str, count: int, saved: int, when: str
) -> None:
    run = tmp_path / "runs" / "one"
    argv = (*SHORT, "trainer.checkpoint_steps=1")
    result = command.run(tmp_path, *argv, "monitor=val/loss", FAULT=f"weight:{hook}:{count}")
    check_line(result, 5, "the weight head.", "is not finite at ")
    assert when in result.err or "step" in result.err
    assert position(run) == saved
    assert [path.name for path in run.glob("checkpoints/best-*")] == ["best-00001.safetensors"]
    assert command.run(tmp_path, "resume", "runs/one").code == 0


@pytest.mark.parametrize("workers", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_memory_that_runs_out_says_what_takes_less(
    command: Server, never_stopped: Path, tmp_path: Path, workers: int
) -> None:
    result = command.run(tmp_path, *SHORT, f"data.num_workers={workers}", FAULT=f"memory:{BATCHES + 3}")
    check_line(result, 6, "memory ran out", "data.batch_size", "trainer.accumulate_grad_batches")
    resumes_to_the_bit(command, tmp_path, never_stopped)


@pytest.mark.parametrize(
    ("fault", "said", "saved", "page"),
    [
        pytest.param(
            "file_size:on_validation_start:1:100000",
            "the limit on the size of files is reached",
            2 * BATCHES + 1,
            "page=false",
            marks=pytest.mark.slow,
        ),
        ("full:metrics.csv", "the disk is full: runs/one", 2 * BATCHES + 1, "page=false"),
        pytest.param(
            *("full:log.txt", "the disk is full: runs/one", 2 * BATCHES + 1, "page=false"),
            marks=pytest.mark.slow,
        ),
        (
            *("page_size:20000", "the limit on the size of files is reached: runs/one", 4 * BATCHES + 1),
            "page=true",
        ),
    ],
)
def test_a_full_disk_leaves_the_checkpoint_before_and_the_run_goes_on_once_there_is_room(
    command: Server, never_stopped: Path, tmp_path: Path, fault: str, said: str, saved: int, page: str
) -> None:
    result = command.run(tmp_path, *SHORT, page, FAULT=fault)
    check_line(result, 6, said, "then tlx resume runs/one")
    run = tmp_path / "runs" / "one"
    assert position(run) == saved
    for path in [path for path in run.iterdir() if path.is_symlink()]:
        path.unlink()
        path.touch()
    resumed = command.run(tmp_path, "resume", "runs/one")
    assert resumed.code == 0, resumed.err
    assert differences(outcome(run), outcome(never_stopped)) == []


def test_a_disk_without_room_for_the_run_is_refused_before_the_first_step(
    command: Server, tmp_path: Path
) -> None:
    result = command.run(tmp_path, *SHORT, FAULT="little_room:1000000")
    check_line(result, 6, "MB of checkpoints, weights and what it holds on to, and 1.0 MB", "run_dir=FOLDER")
    assert not list((tmp_path / "runs" / "one" / "checkpoints").iterdir())
    assert command.run(tmp_path, *SHORT).code == 0


def test_a_run_directory_that_may_not_be_written_is_one_line(command: Server, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir(mode=0o555)
    result = command.run(tmp_path, *SHORT, FAULT="held_to_modes")
    check_line(result, 6, "runs/one may not be read or written. Try: another folder")


def test_a_disk_that_is_full_before_the_run_begins_names_it(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, *SHORT, FAULT="begin:28")
    check_line(result, 6, "the disk is full: runs/one", "then tlx fit again")
    assert command.run(tmp_path, *SHORT).code == 0
    state = tmp_path / "runs" / "one" / "state.json"
    state.write_text('{"status": "interrupted"}')
    result = command.run(tmp_path, "resume", "runs/one", FAULT="begin:28")
    check_line(result, 6, "the disk is full: runs/one", "then tlx resume runs/one")
    state.chmod(0o444)
    for folder in (tmp_path / "runs" / "one", *(tmp_path / "runs" / "one").rglob("*/")):
        folder.chmod(0o555)
    result = command.run(tmp_path, "resume", "runs/one", FAULT="held_to_modes")
    check_line(result, 6, "runs/one/.lock may not be read or written", "chmod -R u+w runs/one, or a copy")


def test_a_run_directory_that_vanishes_is_one_line(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, *SHORT, FAULT="gone")
    check_line(result, 6, "the run directory is gone while it trains")
    os.rename(tmp_path / "runs" / "one", tmp_path / "empty")
    os.rename(tmp_path / "runs" / "elsewhere", tmp_path / "runs" / "one")
    assert command.run(tmp_path, "resume", "runs/one").code == 0
