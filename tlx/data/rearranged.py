"""Images whose pixels lie elsewhere, in the same places for all of them."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tlx.data.changed import Changed
from tlx.data.offers import offers
from tlx.errors import DataError
from tlx.preprocessing.image import upright
from tlx.types import Split

__all__ = ["Rearranged", "pixels_of"]

_KEPT = {"L", "LA", "RGB", "RGBA", "I", "I;16", "F"}
_OTHERWISE = {"1": "L", "P": "RGBA", "PA": "RGBA"}


class Rearranged(Changed):
    """A split of images of one size whose every pixel is taken from a place that is the same for all.

    Args:
        split: N images, or arrays of shape (H, W) or (H, W, C).
        size: H and W.
        places: Where each pixel comes from, as a row after row number in [0, H W); -1: it is black.
            Shape (H', W'), the size of the images that come out, int64.

    Raises:
        DataError: An image has another size, as far as that can be told without reading all of them.
    """

    def __init__(self, split: Split, size: tuple[int, int], places: NDArray[np.int64]) -> None:
        digest = hashlib.sha256(repr((size, places.shape)).encode())
        digest.update(np.ascontiguousarray(places).data)
        super().__init__(split, digest.digest())
        self._size, self._places = size, places
        self._refuse_other_sizes()

    def read(self, index: int) -> Any:
        """The image, or array, rearranged.

        Raises:
            DataError: It cannot be read, or has another size.
        """
        sample = self._split.read(index)
        pixels = pixels_of(sample)
        if pixels.shape[:2] != self._size:
            raise self._other_size(index, *pixels.shape[:2])
        height, width, *channels = pixels.shape
        listed = np.zeros((height * width + 1, *channels), pixels.dtype)  # the last, at -1, is black
        listed[:-1] = pixels.reshape(-1, *channels)
        moved = listed.take(self._places, axis=0)
        return moved if isinstance(sample, np.ndarray) else Image.fromarray(moved)

    def read_together(self, indices: NDArray[np.int64]) -> NDArray[np.uint8] | None:
        """The pixels of several images, rearranged, shape (B, H', W') or (B, H', W', 3)."""
        pixels: NDArray[np.uint8] | None = self.parts[0].read_together(indices)
        if pixels is None:
            return None
        count, height, width, *channels = pixels.shape
        moved = pixels.reshape(count, height * width, *channels).take(self._places, axis=1)
        moved[:, self._places < 0] = 0
        return moved

    def subset(self, indices: NDArray[np.int64]) -> "Rearranged":
        """The images at `indices`, in that order."""
        return Rearranged(self._split.subset(indices), self._size, self._places)

    def sides(self) -> NDArray[np.int64]:
        """Height and width of each image, shape (N, 2)."""
        return np.broadcast_to(np.array(self._places.shape), (len(self), 2))

    def _refuse_other_sizes(self) -> None:
        if not offers(self._split, "sides"):
            return
        sides = self.parts[0].sides()
        other = np.flatnonzero((sides != self._size).any(axis=1))
        if len(other):
            raise self._other_size(int(other[0]), *sides[other[0]].tolist())

    def _other_size(self, index: int, height: int, width: int) -> DataError:
        return DataError(
            f"{self.name(index)} has {width} x {height} pixels and others have "
            f"{self._size[1]} x {self._size[0]}: pixels can only be rearranged alike in images of one size",
            fix="images that were resized to one size before",
        )


def pixels_of(sample: Image.Image | NDArray[Any]) -> NDArray[Any]:
    """The pixels of an image that stands upright, shape (H, W) or (H, W, C).

    Palettes and colours of print become RGB, two colours become grey, as a network would read them;
    an array is what it is.
    """
    if isinstance(sample, np.ndarray):
        return sample
    picture = upright(sample)
    wanted = picture.mode if picture.mode in _KEPT else _OTHERWISE.get(picture.mode, "RGB")
    return np.asarray(picture if picture.mode == wanted else picture.convert(wanted))
