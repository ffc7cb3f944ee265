"""Rows of frontier values, read by position: from memory, or from files that are mapped into it."""

import fcntl
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.cache.layout import Layout
from tlx.cache.store import META
from tlx.errors import CheckpointError

__all__ = ["OFFSETS", "StoredRows", "data_file", "file_hashes", "open_rows"]

OFFSETS = "offsets.npy"


class StoredRows:
    """What a frontier gave for every sample of a split.

    Args:
        frontier: How many stages lie below it.
        layout: What the columns are.
        arrays: The bytes of each column.
        hold: An open file whose lock keeps the entry from being evicted; None for rows in memory.
    """

    def __init__(
        self, frontier: int, layout: Layout, arrays: Sequence[NDArray[np.uint8]], hold: Any = None
    ) -> None:
        self.frontier, self.layout, self._hold = frontier, layout, hold
        self._tensors = [
            torch.from_numpy(array).view(-1).view(column.kind).view(-1, *column.shape)
            for column, array in zip(layout.columns, arrays, strict=True)
        ]

    def __len__(self) -> int:
        return self.layout.rows

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """The values of rows, shape (B,), int64, as `Cut.features` takes them."""
        return self.layout.take(self._tensors, rows)


def data_file(number: int) -> str:
    """The name of a column's file."""
    return f"{number}.bin"


def open_rows(entry: Path, memory: int, check: bool = True) -> StoredRows:
    """Open a finished entry and note that it was used.

    Args:
        entry: Its folder.
        memory: Bytes that may be held in memory; a larger entry is mapped.
        check: Whether the data is held against its SHA-256.

    Raises:
        CheckpointError: It is gone, or damaged.
    """
    try:
        hold = (entry / META).open()
        fcntl.flock(hold, fcntl.LOCK_SH)
        meta = json.loads(hold.read())
        offsets = np.load(entry / OFFSETS, allow_pickle=False) if meta["has_offsets"] else None
        layout = Layout.from_description(meta["layout"], offsets)
        if check and file_hashes(entry, len(layout.columns)) != meta["sha256"]:
            raise CheckpointError("cached values are damaged: their SHA-256 is another", where=str(entry))
        arrays = [
            np.memmap(entry / data_file(n), np.uint8, "c", shape=layout.size(column))
            if 0 not in layout.size(column)
            else np.empty(layout.size(column), np.uint8)
            for n, column in enumerate(layout.columns)
        ]
        os.utime(entry / META)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"cached values cannot be read ({error})", where=str(entry)) from error
    if layout.bytes <= memory:
        arrays = [np.array(array) for array in arrays]
    return StoredRows(int(meta["frontier"]), layout, arrays, hold)


def file_hashes(folder: Path, columns: int) -> list[str]:
    """SHA-256 of each column's file, and of the offsets where there are any."""
    names = [data_file(number) for number in range(columns)]
    names += [OFFSETS] if (folder / OFFSETS).is_file() else []
    hashes = []
    for name in names:
        with (folder / name).open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashes
