"""Files that are either whole or not there, and checkpoints that know their own hash."""

import contextlib
import errno
import hashlib
import os
import resource
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from safetensors import SafetensorError

from tlx.backbones.weights_file import refuse_code, refuse_compressed
from tlx.errors import CheckpointError, ResourceError
from tlx.made_by import made_by, refuse_newer

__all__ = [
    "DurableCheckpointIO",
    "checkpoints",
    "file_hash",
    "is_whole",
    "newest",
    "read",
    "sweep",
    "write_durably",
]

SUFFIX = ".ckpt"
MARK = "tlx"
"""The key of a checkpoint that says which tlx made it."""

TORCH_WROTE_SHORT = ("PytorchStreamWriter failed", "inline_container.cc")
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def write_durably(
    path: Path,
    write: Callable[[Path], object],
    *,
    sidecar: bool = False,
    needs: Mapping[str, str] | None = None,
) -> str:
    """Write a file so that a kill at any moment leaves the old one or the new one.

    A temporary in the same directory is written, flushed to the disk and moved into place;
    the directory is flushed too. With `sidecar`, the SHA-256 goes to `<name>.sha256` first
    and the data is moved last, so that data without a matching hash is never the newest.

    Args:
        path: Where the file shall be.
        write: Writes it to the path it is given.
        sidecar: Whether the hash is kept beside it, in lines that `sha256sum -c` reads.
        needs: Files beside it that are useless without it being whole, and their SHA-256; they
            stand in the same sidecar.

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
            _write_sidecar(path, {path.name: digest, **(needs or {})})
        os.replace(temporary, path)
    except (OSError, RuntimeError, SafetensorError) as error:
        known = _explained(error, path, temporary)
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


def is_whole(path: Path) -> bool:
    """Whether a file is there that was written with a sidecar, and has the hash that stands in it."""
    return path.is_file() and not _damage(path)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first: their names are their positions."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def newest(folder: Path, on_damaged: Callable[[Path, str], object] = lambda path, what: None) -> Path | None:
    """The newest checkpoint whose hash agrees, and that of every file it needs; None where there is none.

    Temporaries of a killed writer are swept away. What is damaged and newer is renamed to
    `<name>.damaged`, out of the way of what is written next.

    Args:
        folder: Where checkpoints lie.
        on_damaged: Told of every newer one that is passed over, and why.

    Raises:
        CheckpointError: There are checkpoints and every one is damaged; nothing is renamed.
    """
    sweep(folder)
    found = checkpoints(folder)
    passed_over: dict[Path, dict[str, str]] = {}
    for path in reversed(found):
        damage = _damage(path)
        if not damage:
            for newer, names in passed_over.items():
                on_damaged(newer, next(iter(names.values())))
                _set_aside(newer, names)
            return path
        passed_over[path] = damage
    if found:
        first = next(iter(passed_over[found[-1]].values()))
        raise CheckpointError(
            f"all {len(found)} checkpoints are damaged: of the newest, {first}",
            where=str(folder),
            fix="start the run anew under another run_dir",
        )
    return None


def sweep(folder: Path) -> None:
    """Remove what a killed writer left half written in a folder; nobody else may be writing there."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: plain containers and tensors, nothing is instantiated.

    Raises:
        CheckpointError: It cannot be read as such, or a newer tlx made it.
        SecurityError: It asks to run code.
    """
    try:
        refuse_compressed(path)
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:
        refuse_code(error, str(path))
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"cannot read the checkpoint ({reason})", where=str(path)) from error
    if not isinstance(content, dict):
        raise CheckpointError("the checkpoint holds no mapping", where=str(path))
    refuse_newer(content.get(MARK), "the checkpoint", path)
    return content


class DurableCheckpointIO(CheckpointIO):
    """Lightning's way to save and load, made durable."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        marked = checkpoint | {MARK: made_by()}
        write_durably(Path(path), lambda to: torch.save(marked, to), sidecar=True, needs=storage_options)

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


def _write_sidecar(path: Path, digests: Mapping[str, str]) -> None:
    temporary = path.with_name(f".{path.name}.sha256.{os.getpid()}.tmp")
    temporary.write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    _flush(temporary)
    os.replace(temporary, _sidecar(path))


def _damage(path: Path) -> dict[str, str]:
    """What is wrong with a checkpoint and the files it needs: a file's name and a sentence on it."""
    try:
        lines = [line.split(maxsplit=1) for line in _sidecar(path).read_text().splitlines()]
        expected = {name.strip(): digest for digest, name in lines}
    except (OSError, ValueError):
        return {path.name: f"{path.name} has no SHA-256 beside it"}
    if path.name not in expected:
        return {path.name: f"{path.name} has no SHA-256 beside it"}
    found = {name: _fault(path.parent, name, digest) for name, digest in expected.items()}
    return {name: fault for name, fault in found.items() if fault}


def _fault(folder: Path, name: str, digest: str) -> str:
    path = folder / name
    if path.name != name or not path.is_file():
        return f"{name} is no file"
    try:
        return "" if file_hash(path) == digest else f"{name} is damaged: its SHA-256 is another"
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"


def _set_aside(path: Path, damaged: Iterable[str]) -> None:
    for name in {path.name, *damaged}:
        with contextlib.suppress(OSError):
            os.rename(path.with_name(name), path.with_name(f"{name}.damaged"))
    with contextlib.suppress(OSError):
        _sidecar(path).unlink()


def _explained(error: Exception, path: Path, temporary: Path) -> ResourceError | None:
    """Writers report a full disk in ways of their own: safetensors by text, torch by its zip writer."""
    text = str(error)
    number = getattr(error, "errno", None) or next(
        (code for code in UNWRITABLE if f"os error {code})" in text or os.strerror(code) in text), None
    )
    if number not in UNWRITABLE and not any(words in text for words in TORCH_WROTE_SHORT):
        return None
    if number == errno.EFBIG or (number is None and _at_the_limit(temporary)):
        return ResourceError(
            f"the limit on the size of files is reached: cannot write {path.name}",
            where=str(path.parent),
            fix="ulimit -f unlimited, then tlx resume RUN",
        )
    reason = os.strerror(number) if number else "the write came out short, as on a full disk"
    return ResourceError(
        f"cannot write {path.name}: {reason}",
        where=str(path.parent),
        fix="free some space, then tlx resume RUN",
    )


def _at_the_limit(path: Path) -> bool:
    """Whether a file is as large as this process may make one."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return limit != resource.RLIM_INFINITY and path.is_file() and path.stat().st_size >= limit


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
