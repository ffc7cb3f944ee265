"""Handwritten digits that come with scikit-learn: real data without a download."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from tlx.data.stratified import check_fractions, held_out
from tlx.types import Splits

__all__ = ["DigitImages", "Digits"]


class DigitImages:
    """Some of the digits. Each is read as a grey image of 8 x 8 pixels.

    Args:
        pixels: Shape (N, 8, 8), uint8.
        labels: Shape (N,), the digit.
        rows: Shape (N,), the sample's row in scikit-learn's table.
    """

    def __init__(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        self._pixels, self.labels, self._rows = pixels, labels, rows

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, index: int) -> Image.Image:
        """The image, mode "L", ink bright on dark."""
        return Image.fromarray(self._pixels[index])

    def name(self, index: int) -> str:
        """The row in scikit-learn's table."""
        return f"digits row {self._rows[index]}"

    def subset(self, indices: NDArray[np.int64]) -> "DigitImages":
        """The digits at `indices`, in that order."""
        return DigitImages(self._pixels[indices], self.labels[indices], self._rows[indices])

    def fingerprint(self) -> str:
        """SHA-256 over pixels and labels."""
        return hashlib.sha256(self._pixels.tobytes() + self.labels.tobytes()).hexdigest()


class Digits:
    """1797 digits written by 13 people, 8 x 8 pixels, in 10 classes.

    Source: the test part of Optical Recognition of Handwritten Digits, Alpaydin and Kaynak
    1998, UCI, https://doi.org/10.24432/C50P49, CC BY 4.0, as `sklearn.datasets.load_digits`
    ships it. Ink from 0 to 16 is scaled to 0..255.

    Args:
        val_fraction: Share of each class for validation, in (0, 1).
        test_fraction: Share of each class for the test split, in [0, 1).
        split_seed: Which samples these are; apart from the run's seed, so that runs with
            different seeds are measured on the same samples.

    Raises:
        ConfigError: A value is out of its range.
    """

    kind: str = "image"
    flip: bool = False

    def __init__(self, val_fraction: float = 0.2, test_fraction: float = 0.2, split_seed: int = 0) -> None:
        check_fractions(val_fraction, test_fraction, split_seed)
        self._arguments = {
            "val_fraction": val_fraction,
            "test_fraction": test_fraction,
            "split_seed": split_seed,
        }

    def splits(self) -> Splits:
        """The three splits; no test split when its fraction is 0."""
        table = load_digits()
        pixels = np.rint(table.images * (255 / 16)).astype(np.uint8)
        labels = table.target.astype(np.int64)
        classes = tuple(str(digit) for digit in range(10))
        everything = DigitImages(pixels, labels, np.arange(len(labels)))
        fractions = (self._arguments["val_fraction"], self._arguments["test_fraction"])
        parts = held_out(labels, fractions, int(self._arguments["split_seed"]), classes)
        train, val, test = (everything.subset(part) for part in parts)
        return Splits(train, val, test if len(test) else None, classes)

    def describe(self) -> dict[str, Any]:
        """The recipe of this source."""
        return {"_target_": "tlx.data.digits.Digits", **self._arguments}
