"""Kills while a checkpoint is being written, at a chosen byte, and damage to files that are there."""

import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch


class DyingFile:
    """A file whose writer is killed once so many bytes are on the disk."""

    def __init__(self, file: BinaryIO, byte: int) -> None:
        self.file, self.left = file, byte

    def write(self, data: Any) -> int:
        piece = bytes(data)[: self.left]
        self.file.write(piece)
        self.left -= len(piece)
        if self.left <= 0:
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return len(piece)

    def flush(self) -> None:
        self.file.flush()


def kill_in_save(count: int, byte: int, temporary: str | None = None) -> None:
    """Kill this process at a byte of the `count`-th checkpoint (from 0) that it writes.

    Args:
        count: Which checkpoint.
        byte: After so many bytes; beyond the end: as soon as it is whole.
        temporary: What $TMPDIR is meanwhile.
    """
    if temporary is not None:
        os.environ["TMPDIR"] = temporary
        tempfile.tempdir = None
    original, seen = torch.save, {"times": 0}

    def save(content: Any, path: Path) -> None:
        if seen["times"] == count:
            with path.open("wb") as file:
                original(content, DyingFile(file, byte))  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGKILL)
        seen["times"] += 1
        original(content, path)

    torch.save = save  # type: ignore[assignment]


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def directory(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped bit": lambda path: flip(path, 12345),
    "cut off": lambda path: cut(path, 0.5),
    "empty": lambda path: path.write_bytes(b""),
    "a directory": directory,
    "a link to nothing": dangling,
    "a pipe": pipe,
    "gone": Path.unlink,
}
