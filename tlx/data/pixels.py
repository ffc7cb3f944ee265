"""Images that lie in one array."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Pixels"]


class Pixels:
    """A split whose samples are rows of an array, all of one size.

    Args:
        table: What the rows belong to, for people.
        pixels: Shape (N, H, W) grey or (N, H, W, 3) RGB, uint8.
        labels: Shape (N,); (N, K) of 0 and 1, uint8; or (N, R), float32.
        rows: Shape (N,), the sample's row in the table it comes from.
    """

    def __init__(
        self, table: str, pixels: NDArray[np.uint8], labels: NDArray[Any], rows: NDArray[np.int64]
    ) -> None:
        self._table, self._pixels, self.labels, self._rows = table, pixels, labels, rows

    def __len__(self) -> int:
        return len(self._pixels)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each image, shape (N,)."""
        return np.full(len(self), self._pixels[:1].nbytes, dtype=np.int64)

    def sides(self) -> NDArray[np.int64]:
        """Height and width of each image, shape (N, 2)."""
        return np.broadcast_to(np.array(self._pixels.shape[1:3], dtype=np.int64), (len(self), 2))

    def read(self, index: int) -> Image.Image:
        """The image, mode "L" or "RGB"."""
        return Image.fromarray(self._pixels[index])

    def read_together(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The pixels of several images, shape (B, H, W) or (B, H, W, 3)."""
        return self._pixels[indices]

    def name(self, index: int) -> str:
        """The table and the row in it."""
        return f"{self._table} row {self._rows[index]}"

    def subset(self, indices: NDArray[np.int64]) -> "Pixels":
        """The images at `indices`, in that order."""
        return Pixels(self._table, self._pixels[indices], self.labels[indices], self._rows[indices])

    def fingerprint(self) -> str:
        """SHA-256 over pixels and labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self._pixels).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def entries(self) -> Iterator[tuple[str, str]]:
        """The name and a hash of each sample."""
        return ((self.name(index), self.digest(index)[:8].hex()) for index in range(len(self)))

    def digest(self, index: int) -> bytes:
        """A hash of one image's pixels."""
        return hashlib.sha256(self._pixels[index].tobytes()).digest()

    def short_digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The first 64 bits of the hashes of several images."""
        short = (int.from_bytes(self.digest(int(index))[:8], "big") for index in indices)
        return np.fromiter(short, dtype=np.uint64, count=len(indices))
