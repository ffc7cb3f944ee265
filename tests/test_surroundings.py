"""What is about a run, its clock, its path, files beside its own, changes nothing in it."""

import itertools
import os
import time
from pathlib import Path

import pytest

from tests.command import FEW, SMOKE, Server
from tests.faults.outcome import differences, outcome
from tests.faults.processes import run_process

DAY = 86400.0
KILLED = -9


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run_process(folder) == [0]
    return folder


def every_look_at_the_clock_is_a_day_earlier() -> None:
    told, looks = time.time, itertools.count()
    setattr(time, "time", lambda: told() - DAY * next(looks))  # noqa: B010 - of this process alone


def date(folder: Path, seconds: float) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (seconds, seconds))


def deep(root: Path, length: int = 250) -> Path:
    """A folder below another whose whole path has so many characters."""
    path = f"{root}/" + ("x" * 49 + "/") * (length // 50)
    return Path(path[: length - 1] + "y")


def test_a_clock_that_goes_back_in_a_run_and_between_runs_changes_no_bit(
    undisturbed: Path, tmp_path: Path
) -> None:
    back = every_look_at_the_clock_is_a_day_earlier
    assert run_process(tmp_path, kill=("on_train_batch_end", 22), prepare=back) == [KILLED]
    date(tmp_path, time.time() + 300 * DAY)
    newest = max((tmp_path / "checkpoints").glob("*.ckpt"))
    os.utime(newest, (0, 0))  # the newest checkpoint is known by its number, not by its date
    assert run_process(tmp_path, kill=("on_train_batch_end", 16), prepare=back) == [KILLED]
    assert run_process(tmp_path, prepare=back) == [0]
    assert differences(outcome(tmp_path), outcome(undisturbed)) == []


def test_ten_thousand_other_files_and_a_long_path_change_no_bit(undisturbed: Path, tmp_path: Path) -> None:
    folder = deep(tmp_path)
    assert len(str(folder)) == 250
    assert run_process(folder, kill=("on_train_batch_end", 22)) == [KILLED]
    others = [folder / f"{n:05}.txt" for n in range(5000)]
    others += [folder / "checkpoints" / f"{n:05}.txt" for n in range(5000)]
    for path in others:
        path.touch()
    assert run_process(folder) == [0]
    assert differences(outcome(folder), outcome(undisturbed)) == []
    assert all(path.is_file() for path in others)


def test_commands_work_on_a_run_at_a_long_path(command: Server, tmp_path: Path) -> None:
    folder = str(deep(tmp_path))
    for words in (("fit", *SMOKE, *FEW, f"run_dir={folder}"), ("resume", folder), ("report", folder)):
        result = command.run(tmp_path, *words)
        assert result.code == 0, result.err
    assert command.run(tmp_path, "test", folder).code == 0
