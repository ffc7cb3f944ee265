"""Files that are either whole or not there, and checkpoints that know their own hash."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from safetensors import SafetensorError

from tlx.errors import CheckpointError, ResourceError

__all__ = ["DurableCheckpointIO", "checkpoints", "file_hash", "newest", "read", "write_durably"]

SUFFIX = ".ckpt"
TORCH_WROTE_SHORT = ("PytorchStreamWriter failed", "inline_container.cc")
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def write_durably(path: Path, write: Callable[[Path], object], *, sidecar: bool = False) -> str:
    """Write a file so that a kill at any moment leaves the old one or the new one.

    A temporary in the same directory is written, flushed to the disk and moved into place;
    the directory is flushed too. With `sidecar`, the SHA-256 goes to `<name>.sha256` first
    and the data is moved last, so that data without a matching hash is never the newest.

    Args:
        path: Where the file shall be.
        write: Writes it to the path it is given.
        sidecar: Whether the hash is kept beside it.

    Returns:
        The SHA-256 of the file, in hex.

    Raises:
        ResourceError: The disk is full, or does not let the file be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.chmod(0o666 & ~_umask())
        _flush(temporary)
        digest = file_hash(temporary)
        if sidecar:
            _write_sidecar(path, digest)
        os.replace(temporary, path)
    except (OSError, RuntimeError, SafetensorError) as error:
        known = _explained(error, path)
        if known is None:
            raise
        raise known from error
    finally:
        temporary.unlink(missing_ok=True)
    _flush(path.parent)
    return digest


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first: their names are their positions."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def newest(folder: Path, on_damaged: Callable[[Path], object] = lambda path: None) -> Path | None:
    """The newest checkpoint whose hash agrees; None where there is none.

    Temporaries of a killed writer are swept away.

    Args:
        folder: Where checkpoints lie.
        on_damaged: Told of every newer one that is passed over.

    Raises:
        CheckpointError: There are checkpoints and every one is damaged.
    """
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)
    found = checkpoints(folder)
    for path in reversed(found):
        if _agrees(path):
            return path
        on_damaged(path)
    if found:
        raise CheckpointError(
            f"all {len(found)} checkpoints are damaged: their SHA-256 is not that of the file beside them",
            where=str(folder),
            fix="start the run anew under another run_dir",
        )
    return None


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: plain containers and tensors, nothing is instantiated.

    Raises:
        CheckpointError: It cannot be read as such.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"cannot read the checkpoint ({error})", where=str(path)) from error
    return content


class DurableCheckpointIO(CheckpointIO):
    """Lightning's way to save and load, made durable."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        write_durably(Path(path), lambda to: torch.save(checkpoint, to), sidecar=True)

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        return read(Path(path))

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        Path(path).unlink(missing_ok=True)
        _sidecar(Path(path)).unlink(missing_ok=True)


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _write_sidecar(path: Path, digest: str) -> None:
    temporary = path.with_name(f".{path.name}.sha256.{os.getpid()}.tmp")
    temporary.write_text(f"{digest}  {path.name}\n")
    _flush(temporary)
    os.replace(temporary, _sidecar(path))


def _agrees(path: Path) -> bool:
    try:
        expected = _sidecar(path).read_text().split()[0]
        return file_hash(path) == expected
    except (OSError, IndexError):
        return False


def _explained(error: Exception, path: Path) -> ResourceError | None:
    """Writers report a full disk in ways of their own: safetensors by text, torch by its zip writer."""
    text = str(error)
    number = getattr(error, "errno", None) or next(
        (code for code in UNWRITABLE if f"os error {code})" in text or os.strerror(code) in text), None
    )
    if number not in UNWRITABLE and not any(words in text for words in TORCH_WROTE_SHORT):
        return None
    reason = os.strerror(number) if number else "the write came out short, as on a full disk"
    return ResourceError(
        f"cannot write {path.name}: {reason}", where=str(path.parent), fix="free some space, then tlx resume"
    )


def _umask() -> int:
    """Some writers make private files; a result is as readable as any other file."""
    current = os.umask(0)
    os.umask(current)
    return current


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
