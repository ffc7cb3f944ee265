"""Many strings in two flat arrays, so that millions of them cost no Python object each."""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["PackedStrings", "Packer"]

_CHUNK = 1 << 20


class PackedStrings:
    """Immutable strings as one blob of UTF-8 and the offsets into it.

    A list of strings is copied page by page when forked workers count its references; two
    flat arrays are shared as they are and pickle as two blocks. File names that are not
    UTF-8 survive (surrogateescape).

    Args:
        blob: The bytes of all strings, shape (total bytes,), uint8.
        offsets: Where each string begins, and the total last; shape (N + 1,), int64.

    >>> words = PackedStrings.of(["ant", "", "bee"])
    >>> list(words), words[2], list(words.subset(np.array([2, 0])))
    (['ant', '', 'bee'], 'bee', ['bee', 'ant'])
    """

    __slots__ = ("_blob", "_offsets")

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self._blob, self._offsets = blob, offsets

    @staticmethod
    def of(strings: Iterable[str]) -> "PackedStrings":
        """Pack strings one by one; the iterable is read once."""
        packer = Packer()
        for string in strings:
            packer.add(string)
        return packer.packed()

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> str:
        return self.encoded(index).decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    def encoded(self, index: int) -> bytes:
        """The UTF-8 bytes of one string."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} of {len(self)} strings")
        index = int(index) % len(self)
        return self._blob[self._offsets[index] : self._offsets[index + 1]].tobytes()

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each string, shape (N,)."""
        return np.diff(self._offsets)

    def subset(self, indices: NDArray[np.int64]) -> "PackedStrings":
        """The strings at `indices`, in that order, in a blob of their own."""
        sizes = self.sizes[indices]
        offsets = np.zeros(len(indices) + 1, dtype=np.int64)
        np.cumsum(sizes, out=offsets[1:])
        blob = np.empty(int(offsets[-1]), dtype=np.uint8)
        starts = self._offsets[:-1][indices]
        first = 0
        while first < len(indices):
            last = max(int(np.searchsorted(offsets, offsets[first] + _CHUNK, side="right")) - 1, first + 1)
            shifts = np.repeat(starts[first:last] - offsets[first:last], sizes[first:last])
            here = slice(int(offsets[first]), int(offsets[last]))
            blob[here] = self._blob[np.arange(here.start, here.stop) + shifts]
            first = last
        return PackedStrings(blob, offsets)

    def digest_parts(self) -> tuple[memoryview, memoryview]:
        """What a hash has to read to cover every string and its place."""
        return self._blob.data, self._offsets.data

    def __getstate__(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return self._blob, self._offsets

    def __setstate__(self, state: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
        self._blob, self._offsets = state


class Packer:
    """Strings on their way to being packed, added one by one."""

    def __init__(self) -> None:
        self._blob, self._offsets = bytearray(), array("q", [0])

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def add(self, string: str) -> None:
        """Add a string behind the others."""
        self._blob += string.encode("utf-8", "surrogateescape")
        self._offsets.append(len(self._blob))

    def packed(self) -> PackedStrings:
        """What was added so far, in arrays of its own."""
        return PackedStrings(np.frombuffer(bytes(self._blob), dtype=np.uint8), np.array(self._offsets))
