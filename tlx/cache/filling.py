"""Entries on their way to being full: block by block, by several processes, through a kill."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tlx.cache.layout import Layout
from tlx.cache.rows import OFFSETS, StoredRows, data_file

__all__ = ["Filling"]

DONE = "done.bin"
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
                self._prepare(folder, sizes, blocks)
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
        """What was filled in memory."""
        return StoredRows(self.frontier, self.layout, self.arrays)

    def clean(self) -> None:
        """Remove what a finished entry does not need."""
        if self.folder is not None:
            (self.folder / DONE).unlink()

    def _prepare(self, folder: Path, sizes: list[tuple[int, int]], blocks: int) -> None:
        """Files of the right size; what is there of another size is of another attempt, and goes."""
        folder.mkdir(exist_ok=True)
        wanted = {data_file(n): rows * width for n, (rows, width) in enumerate(sizes)} | {DONE: blocks}
        found = {name: (folder / name).stat().st_size for name in wanted if (folder / name).is_file()}
        if found != wanted:
            for name, size in wanted.items():
                with (folder / name).open("wb") as file:
                    file.truncate(size)
        if self.layout.offsets is not None:
            np.save(folder / OFFSETS, self.layout.offsets, allow_pickle=False)


def _mapped(path: Path, size: tuple[int, ...]) -> NDArray[np.uint8]:
    if 0 in size:
        return np.empty(size, np.uint8)
    return np.memmap(path, np.uint8, "r+", shape=size)
