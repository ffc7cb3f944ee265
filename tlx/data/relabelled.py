"""The samples of a split under other labels."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.overlap import sample_hashes
from tlx.types import Split

__all__ = ["Relabelled"]


class Relabelled:
    """A split that is another one but for its labels.

    Attributes:
        parts: That split alone. What it cannot do beyond what every split must, this one cannot.

    Args:
        split: N samples.
        labels: Their labels, first axis N.
    """

    def __init__(self, split: Split, labels: NDArray[Any]) -> None:
        self._split, self.labels = split, labels
        self.parts: tuple[Any, ...] = (split,)

    def __len__(self) -> int:
        return len(self._split)

    def read(self, index: int) -> Any:
        """The raw sample."""
        return self._split.read(index)

    def read_together(self, indices: NDArray[np.int64]) -> NDArray[np.uint8] | None:
        """The pixels of several images, shape (B, H, W) or (B, H, W, 3); None where sizes differ."""
        pixels: NDArray[np.uint8] | None = self.parts[0].read_together(indices)
        return pixels

    def name(self, index: int) -> str:
        """Where the sample comes from."""
        return self._split.name(index)

    def subset(self, indices: NDArray[np.int64]) -> "Relabelled":
        """The samples at `indices`, in that order."""
        return Relabelled(self._split.subset(indices), self.labels[indices])

    def fingerprint(self) -> str:
        """SHA-256 over the other split's fingerprint and these labels."""
        digest = hashlib.sha256(self._split.fingerprint().encode())
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each sample, shape (N,)."""
        sizes: NDArray[np.int64] = self.parts[0].sizes
        return sizes

    def sides(self) -> NDArray[np.int64]:
        """Height and width of each image, shape (N, 2)."""
        sides: NDArray[np.int64] = self.parts[0].sides()
        return sides

    def entries(self) -> Iterator[tuple[str, str]]:
        """The name and a hash of each sample."""
        entries: Iterator[tuple[str, str]] = self.parts[0].entries()
        return entries

    def digest(self, index: int) -> bytes:
        """A hash of one sample's bytes."""
        digest: bytes = self.parts[0].digest(index)
        return digest

    def short_digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The first 64 bits of the hashes of several samples."""
        short: NDArray[np.uint64] = self.parts[0].short_digests(indices)
        return short

    def hashes(self) -> NDArray[np.uint64] | None:
        """A 64-bit hash of what each sample holds, shape (N,)."""
        return sample_hashes(self._split)
