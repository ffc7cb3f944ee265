"""Rows of frontier values, read by position: from memory, or from files that are mapped into it."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.cache.layout import Layout
from tlx.cache.meta import META, parsed_meta
from tlx.cache.store import OFFSETS, data_file
from tlx.errors import CheckpointError

__all__ = ["StoredRows", "file_hashes", "open_rows"]


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
        self._mapped = any(isinstance(array, np.memmap) for array in arrays)
        self._tensors = [
            torch.from_numpy(array).view(-1).view(column.kind).view(-1, *column.shape)
            for column, array in zip(layout.columns, arrays, strict=True)
        ]

    def __len__(self) -> int:
        return self.layout.rows

    @property
    def in_memory(self) -> int:
        """Bytes that are held in memory; 0 where files are mapped into it."""
        return 0 if self._mapped else self.layout.bytes

    def release(self) -> None:
        """Give memory and disk back, whoever still refers to the rows, which cannot be read any more."""
        self._tensors = []
        if self._hold is not None:
            self._hold.close()

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """The values of rows, shape (B,), int64, as `Cut.features` takes them."""
        return self.layout.take(self._tensors, rows)


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
        meta = parsed_meta(hold.read())
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
        if layout.bytes <= memory:
            arrays = [np.array(array) for array in arrays]
        rows = StoredRows(int(meta["frontier"]), layout, arrays, hold)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"cached values cannot be read ({error})", where=str(entry)) from error
    with contextlib.suppress(OSError):  # another user's, or in a folder that is only read
        os.utime(entry / META)
    return rows


def file_hashes(folder: Path, columns: int) -> list[str]:
    """SHA-256 of each column's file, and of the offsets where there are any."""
    names = [data_file(number) for number in range(columns)]
    names += [OFFSETS] if (folder / OFFSETS).is_file() else []
    hashes = []
    for name in names:
        with (folder / name).open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashes
