"""The header of a safetensors file, looked at before anything parses it."""

from pathlib import Path

from tlx.errors import CheckpointError

__all__ = ["check_header"]

LENGTH = 8
LARGEST = 1 << 24
"""Bytes of a header; one of 16 MiB names 100,000 tensors, and parsing takes many times its size."""


def check_header(path: Path) -> None:
    """Refuse a file whose header is cut off or larger than any network's.

    Raises:
        CheckpointError: It is.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH), "little")
    except OSError as error:
        raise CheckpointError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    if size < LENGTH or length > size - LENGTH:
        raise CheckpointError(f"{str(path)!r} cannot be read: it is cut off, or not of safetensors")
    if length > LARGEST:
        raise CheckpointError(
            f"{str(path)!r} cannot be read: its header of {length} bytes is larger than {LARGEST}"
        )
