"""Handwritten digits that come with scikit-learn: real data without a download."""

from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from tlx.data.checks import check_one_class
from tlx.data.pixels import Pixels
from tlx.data.stratified import check_fractions, held_out
from tlx.types import Splits, Targets

__all__ = ["Digits"]


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

    def splits(self, targets: Targets = "class") -> Splits:
        """The three splits; no test split when its fraction is 0."""
        check_one_class(targets, "the table of digits")
        table = load_digits()
        pixels = np.rint(table.images * (255 / 16)).astype(np.uint8)
        labels = table.target.astype(np.int64)
        classes = tuple(str(digit) for digit in range(10))
        everything = Pixels("digits", pixels, labels, np.arange(len(labels)))
        fractions = (self._arguments["val_fraction"], self._arguments["test_fraction"])
        parts = held_out(labels, fractions, int(self._arguments["split_seed"]), classes)
        train, val, test = (everything.subset(part) for part in parts)
        return Splits(train, val, test if len(test) else None, classes)

    def describe(self) -> dict[str, Any]:
        """The recipe of this source."""
        return {"_target_": "tlx.data.digits.Digits", **self._arguments}
