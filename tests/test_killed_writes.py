"""A kill at any byte of a checkpoint's write costs what was not saved, and no saved one."""

import functools
import os
import random
from pathlib import Path

import pytest
import torch

from tests.faults.outcome import differences, outcome
from tests.faults.processes import run_process
from tests.faults.writing import kill_in_save
from tlx.checkpoint.durable import DurableCheckpointIO, newest, read

KILLS = 40


def memory_disk() -> str | None:
    """A directory on another file system than that of the tests, where there is one."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() and os.access(place, os.W_OK) else None


def write_and_die(folder: Path, byte: int) -> None:
    """In a copy of this process: a checkpoint, then a second one that a kill cuts off."""
    child = os.fork()
    if child == 0:
        kill_in_save(1, byte, memory_disk())
        for position in (1, 2):
            content = {"position": position, "weights": torch.full((500,), float(position))}
            DurableCheckpointIO().save_checkpoint(content, folder / f"{position:012d}.ckpt")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -9


def test_forty_kills_at_random_bytes_leave_the_checkpoint_before(tmp_path: Path) -> None:
    draw = random.Random(0)
    for number in range(KILLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_and_die(folder, draw.randrange(1, 4000))
        path = newest(folder)
        assert path is not None
        assert read(path)["position"] == 1
        assert sorted(p.name for p in folder.iterdir()) == [f"{1:012d}.ckpt", f"{1:012d}.ckpt.sha256"]


@pytest.mark.parametrize("byte", [3000, 10**9], ids=["in the middle", "not yet renamed"])
def test_a_run_killed_inside_a_write_ends_in_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, byte: int
) -> None:
    whole, folder = tmp_path_factory.getbasetemp() / "never killed in a write", tmp_path_factory.mktemp("run")
    if not whole.exists():
        assert run_process(whole) == [0]
    assert run_process(folder, prepare=functools.partial(kill_in_save, 7, byte, memory_disk())) == [-9]
    assert run_process(folder) == [0]
    assert differences(outcome(folder), outcome(whole)) == []
    assert list((folder / "checkpoints").glob(".*")) == []
