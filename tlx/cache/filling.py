"""Entries on their way to being full: block by block, by several processes, through a kill."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tlx.cache.budget import allocate
from tlx.cache.layout import Layout
from tlx.cache.rows import StoredRows, file_hashes
from tlx.cache.store import DONE, OFFSETS, data_file

__all__ = ["Filling", "entry_bytes", "prepare"]

AROUND = 2048
"""Bytes of what stands before the offsets and in meta.json."""
SECONDS = 20.0
"""Between two moments at which what is filled is made to last."""


class Filling:
    """The arrays of an entry and which of its blocks are written.

    Args:
        frontier: How many stages lie below the values.
        layout: What a row is.
        blocks: Into how many blocks the rows are divided.
        folder: Where the files lie; None: in memory.
        fresh: Whether files are made where they are missing or of another size.
    """

    def __init__(
        self, frontier: int, layout: Layout, blocks: int, folder: Path | None, fresh: bool = True
    ) -> None:
        self.frontier, self.layout, self.folder = frontier, layout, folder
        sizes = [layout.size(column) for column in layout.columns]
        if folder is None:
            self.arrays: list[NDArray[np.uint8]] = [np.empty(size, np.uint8) for size in sizes]
            self.done: NDArray[np.uint8] = np.zeros(blocks, np.uint8)
        else:
            if fresh:
                folder.mkdir(exist_ok=True)
                prepare(folder, layout, blocks)
            self.arrays = [_mapped(folder / data_file(n), size) for n, size in enumerate(sizes)]
            self.done = _mapped(folder / DONE, (blocks,))
        self._written: list[int] = []
        self._flushed = time.monotonic()

    def put(self, block: int, first: int, values: dict[str, Tensor]) -> None:
        """Write the rows of a block; every so often, make what is written last."""
        self.layout.put(self.arrays, first, values)
        self._written.append(block)
        if time.monotonic() - self._flushed > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Make what is written last: the data first, then the note that it is there."""
        for array in self.arrays:
            if isinstance(array, np.memmap):
                array.flush()
        self.done[self._written] = 1
        if isinstance(self.done, np.memmap):
            self.done.flush()
        self._written = []
        self._flushed = time.monotonic()

    def rows(self) -> StoredRows:
        """What was filled, held in memory."""
        copied = self.folder is not None  # out of files that are gone
        arrays = [np.array(array) if copied else array for array in self.arrays]
        return StoredRows(self.frontier, self.layout, arrays)

    def hashes(self) -> list[str]:
        """SHA-256 of the files of a filled entry, after what it no longer needs is removed.

        Raises:
            OSError: They are gone.
        """
        if self.folder is None:
            return []
        (self.folder / DONE).unlink()
        return file_hashes(self.folder, len(self.layout.columns))


def entry_bytes(layout: Layout, blocks: int) -> int:
    """Bytes on the disk while an entry is filled, all of its files together."""
    offsets = 0 if layout.offsets is None else layout.offsets.nbytes
    return sum(_files(layout, blocks).values()) + offsets + AROUND


def prepare(folder: Path, layout: Layout, blocks: int) -> None:
    """Make the files of an entry in full size; what is there of another size is of another attempt, and goes.

    Raises:
        OSError: The disk has no room for them.
    """
    wanted = _files(layout, blocks)
    found = {name: (folder / name).stat().st_size for name in wanted if (folder / name).is_file()}
    for name, size in wanted.items():
        allocate(folder / name, size, anew=found != wanted)
    if layout.offsets is not None:
        np.save(folder / OFFSETS, layout.offsets, allow_pickle=False)


def _files(layout: Layout, blocks: int) -> dict[str, int]:
    sizes = [layout.size(column) for column in layout.columns]
    return {data_file(n): rows * width for n, (rows, width) in enumerate(sizes)} | {DONE: blocks}


def _mapped(path: Path, size: tuple[int, ...]) -> NDArray[np.uint8]:
    if 0 in size:
        return np.empty(size, np.uint8)
    return np.memmap(path, np.uint8, "r+", shape=size)
