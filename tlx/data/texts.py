"""Texts, packed, each with the file and row it comes from."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.packed import PackedStrings

__all__ = ["Texts"]


class Texts:
    """A split whose samples are strings.

    Args:
        files: Where they come from.
        texts: N texts.
        labels: Shape (N,), -1 where unknown; (N, K) of 0 and 1, uint8; or (N, R), float32.
        places: The position in `files` of each text's file, shape (N,).
        rows: The row or line of each text in its file, shape (N,).
    """

    def __init__(
        self,
        files: Sequence[str],
        texts: PackedStrings,
        labels: NDArray[Any],
        places: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> None:
        self._files, self._texts, self.labels = tuple(files), texts, labels
        self._places, self._rows = places, rows

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each text, shape (N,)."""
        return self._texts.sizes

    def read(self, index: int) -> str:
        """The text."""
        return self._texts[index]

    def name(self, index: int) -> str:
        """The file and the row."""
        return f"{self._files[self._places[index]]} row {self._rows[index]}"

    def subset(self, indices: NDArray[np.int64]) -> "Texts":
        """The texts at `indices`, in that order."""
        return Texts(
            self._files,
            self._texts.subset(indices),
            self.labels[indices],
            self._places[indices],
            self._rows[indices],
        )

    def fingerprint(self) -> str:
        """SHA-256 over texts and labels."""
        digest = hashlib.sha256()
        for part in (*self._texts.digest_parts(), self.labels):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def entries(self) -> Iterator[tuple[str, str]]:
        """The name and a hash of each sample."""
        return ((self.name(index), self.digest(index)[:8].hex()) for index in range(len(self)))

    def digest(self, index: int) -> bytes:
        """A hash of one text's bytes."""
        return hashlib.sha256(self._texts.encoded(index)).digest()

    def short_digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The first 64 bits of the hashes of several texts."""
        short = (int.from_bytes(self.digest(int(index))[:8], "big") for index in indices)
        return np.fromiter(short, dtype=np.uint64, count=len(indices))
