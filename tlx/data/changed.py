"""A split whose samples are another one's, each changed in the same known way."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.overlap import sample_hashes
from tlx.types import Split

__all__ = ["Changed"]


class Changed:
    """Labels, names and hashes of such a split; what a sample becomes is said by whoever builds on it.

    A hash of a sample differs with the change, so that nothing made of the samples as they were, nor of
    those of another change, is taken for these.

    Attributes:
        labels: Those of the other split.
        parts: The other split alone. What it cannot do beyond what every split must, this one cannot.

    Args:
        split: N samples.
        change: A hash of the change, of at least 8 bytes.
    """

    def __init__(self, split: Split, change: bytes) -> None:
        self._split, self._change = split, change
        self._key = np.uint64(int.from_bytes(change[:8], "big"))
        self.labels: NDArray[Any] = split.labels
        self.parts: tuple[Any, ...] = (split,)

    def __len__(self) -> int:
        return len(self._split)

    def name(self, index: int) -> str:
        """Where the sample comes from."""
        return self._split.name(index)

    def fingerprint(self) -> str:
        """SHA-256 over the other split's fingerprint and the change."""
        return hashlib.sha256(self._split.fingerprint().encode() + self._change).hexdigest()

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each sample before it is changed, shape (N,)."""
        sizes: NDArray[np.int64] = self.parts[0].sizes
        return sizes

    def entries(self) -> Iterator[tuple[str, str]]:
        """The name and a hash of each sample, with that of the change."""
        change = self._change[:8].hex()
        return ((name, f"{digest}:{change}") for name, digest in self.parts[0].entries())

    def digest(self, index: int) -> bytes:
        """A hash of one sample and of the change."""
        other: bytes = self.parts[0].digest(index)
        return (int.from_bytes(other[:8], "big") ^ int(self._key)).to_bytes(8, "big") + other[8:]

    def short_digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The first 64 bits of the hashes of several samples."""
        short: NDArray[np.uint64] = self.parts[0].short_digests(indices) ^ self._key
        return short

    def hashes(self) -> NDArray[np.uint64] | None:
        """A 64-bit hash of each sample and of the change, shape (N,)."""
        found = sample_hashes(self._split)
        return None if found is None else found ^ self._key
