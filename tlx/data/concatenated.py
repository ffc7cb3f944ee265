"""Several splits, one after the other."""

import hashlib
import itertools
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.overlap import sample_hashes
from tlx.types import Split

__all__ = ["Concatenated"]


class Concatenated:
    """A split made of others, whose labels mean the same.

    Attributes:
        parts: The splits. What one of them cannot do beyond what every split must, this one cannot.
        starts: Where each part starts, so that `subset(arange(starts[-1], len(split)))` is the last
            one; empty where an order of one's own has mixed them.

    Args:
        parts: N samples together.
        order: Which of them, one part after the other, are here and in what order, shape (M,); None: all.
    """

    def __init__(self, parts: Sequence[Split], order: NDArray[np.int64] | None = None) -> None:
        self.parts: tuple[Any, ...] = tuple(parts)
        self._bounds = [0, *itertools.accumulate(len(part) for part in parts)]
        self._order = order
        self.labels = self._in_order([part.labels for part in parts])
        self.starts: tuple[int, ...] = tuple(self._bounds[:-1]) if order is None else ()

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, index: int) -> Any:
        """The raw sample."""
        part, at = self._place(index)
        return part.read(at)

    def read_together(self, indices: NDArray[np.int64]) -> NDArray[np.uint8] | None:
        """The pixels of several images, shape (B, H, W) or (B, H, W, 3); None where sizes differ."""
        owners, places = self._places(indices)
        asked = np.unique(owners)
        found = [self.parts[number].read_together(places[owners == number]) for number in asked]
        if any(pixels is None or pixels.shape[1:] != found[0].shape[1:] for pixels in found):
            return None
        together = np.empty((len(indices), *found[0].shape[1:]), dtype=np.uint8)
        for number, pixels in zip(asked, found, strict=True):
            together[owners == number] = pixels
        return together

    def name(self, index: int) -> str:
        """Where the sample comes from."""
        part, at = self._place(index)
        name: str = part.name(at)
        return name

    def subset(self, indices: NDArray[np.int64]) -> "Concatenated":
        """The samples at `indices`, in that order; parts that stay one after the other stay parts."""
        owners, places = self._places(indices)
        if (np.diff(owners) >= 0).all():
            own = [places[owners == number] for number in range(len(self.parts))]
            return Concatenated([part.subset(at) for part, at in zip(self.parts, own, strict=True)])
        used, order = np.unique(places + np.array(self._bounds)[owners], return_inverse=True)
        return Concatenated(Concatenated(self.parts).subset(used).parts, order)

    def fingerprint(self) -> str:
        """SHA-256 over the fingerprints of the parts and the order."""
        order = None if self._order is None else hashlib.sha256(self._order.tobytes()).hexdigest()
        prints = [*(part.fingerprint() for part in self.parts), order]
        return hashlib.sha256(json.dumps(prints).encode()).hexdigest()

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each sample, shape (N,)."""
        return self._in_order([part.sizes for part in self.parts])

    def sides(self) -> NDArray[np.int64]:
        """Height and width of each image, shape (N, 2)."""
        return self._in_order([part.sides() for part in self.parts])

    def entries(self) -> Iterator[tuple[str, str]]:
        """The name, with the number of the part, and a hash of each sample."""
        entries = (
            (f"{name} of part {number}", digest)
            for number, part in enumerate(self.parts)
            for name, digest in part.entries()
        )
        if self._order is None:
            return entries
        known = list(entries)
        return (known[at] for at in self._order)

    def digest(self, index: int) -> bytes:
        """A hash of one sample's bytes."""
        part, at = self._place(index)
        digest: bytes = part.digest(at)
        return digest

    def short_digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The first 64 bits of the hashes of several samples."""
        owners, places = self._places(indices)
        found = np.empty(len(indices), dtype=np.uint64)
        for number, part in enumerate(self.parts):
            found[owners == number] = part.short_digests(places[owners == number])
        return found

    def hashes(self) -> NDArray[np.uint64] | None:
        """A 64-bit hash of what each sample holds, shape (N,); None where a part has nothing to compare."""
        found = [hashes for part in self.parts if (hashes := sample_hashes(part)) is not None]
        return self._in_order(found) if len(found) == len(self.parts) else None

    def _in_order(self, columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
        together = np.concatenate(columns)
        return together if self._order is None else together[self._order]

    def _place(self, index: int) -> tuple[Any, int]:
        """The part that a sample is in, and where in it."""
        at = int(index if self._order is None else self._order[index])
        number = bisect_right(self._bounds, at) - 1
        return self.parts[number], at - self._bounds[number]

    def _places(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The number of the part that each sample is in, and where in it."""
        at = indices if self._order is None else self._order[indices]
        owners = np.searchsorted(self._bounds, at, side="right") - 1
        return owners, at - np.array(self._bounds)[owners]
