"""Kills inside the write of a checkpoint, and bits that flip in one that is written."""

import os
import random
import shutil
from pathlib import Path
from typing import Any

import torch

from tests.faults.writing import flip, kill_in_save
from tlx.checkpoint.durable import DurableCheckpointIO, newest, read

__all__ = ["flip_bits", "kill_writes"]

LENGTH = 3600
"""Bytes of the checkpoints below, a little less."""


def kill_writes(home: Path, count: int, seed: int) -> dict[str, Any]:
    """Kill a process at a random byte of its second checkpoint; the first must be the newest usable one.

    Args:
        home: An empty folder.
        count: Of kills, every other one with the temporary directory on another file system.
        seed: Draws the bytes.
    """
    draw, unusable, elsewhere = random.Random(seed), 0, 0
    for number in range(count):
        folder = home / str(number)
        folder.mkdir(parents=True)
        temporary = "/dev/shm" if number % 2 and os.access("/dev/shm", os.W_OK) else None
        elsewhere += temporary is not None
        _write_and_die(folder, draw.randrange(1, LENGTH), temporary)
        path = newest(folder)
        unusable += path is None or read(path)["position"] != 1
        shutil.rmtree(folder)
    return {"killed": count, "temporary_elsewhere": elsewhere, "newest_unusable": unusable}


def flip_bits(home: Path, count: int, seed: int) -> dict[str, Any]:
    """Flip one random bit of a checkpoint, which must then not be taken."""
    draw, found = random.Random(seed), 0
    for number in range(count):
        folder = home / str(number)
        folder.mkdir(parents=True)
        for position in (1, 2):
            _save(folder, position)
        path = newest(folder)
        assert path is not None
        flip(path, draw.randrange(8 * path.stat().st_size))
        left = newest(folder)
        found += left is not None and read(left)["position"] == 1
        shutil.rmtree(folder)
    return {"flipped": count, "detected": found}


def _save(folder: Path, position: int) -> None:
    content = {"position": position, "weights": torch.full((500,), float(position))}
    DurableCheckpointIO().save_checkpoint(content, folder / f"{position:012d}.ckpt")


def _write_and_die(folder: Path, byte: int, temporary: str | None) -> None:
    child = os.fork()
    if child == 0:
        kill_in_save(1, byte, temporary)
        for position in (1, 2):
            _save(folder, position)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != -9:
        raise SystemExit("the process was not killed in its write")
