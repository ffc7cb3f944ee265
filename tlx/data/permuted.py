"""The images of another source with their pixels in another order, the same for all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tlx.data.order import random_order
from tlx.data.rearranged import Rearranged, pixels_of
from tlx.data.sources import check_source, splits_of
from tlx.errors import ConfigError, bad_value
from tlx.types import ClassesFrom, Source, Split, Splits, Targets

__all__ = ["Permuted"]

_ORDER = 0x706978656C73


class Permuted:
    """Images whose pixels are in one random order, drawn once: other images that are as hard to tell apart.

    Goodfellow, Mirza, Xiao, Courville and Bengio 2013, *An Empirical Investigation of Catastrophic
    Forgetting in Gradient-Based Neural Networks*, arXiv 1312.6211. The permuted MNIST of van de Ven
    and Tolias 2019 (arXiv 1904.07734) pads 28 x 28 pixels by 2 first, so that the border is permuted too.

    The order belongs to the data and not to a network: `tlx predict` reads pictures as they are.

    Args:
        of: The other source, of images that all have one size.
        order_seed: Draws the order of the pixels, the same for all channels; a whole number >= 0, apart
            from the run's seed; None: as they are.
        pad: Black pixels on every side, added before, >= 0.

    Raises:
        ConfigError: The source is of texts, or a value is out of its range.
    """

    kind: str = "image"

    def __init__(self, of: Source, order_seed: int | None = None, pad: int = 0) -> None:
        self._of = check_source("of", of)
        if of.kind != "image":
            raise ConfigError(f"the pixels of {of.kind} cannot be permuted", fix="data.of of images")
        if order_seed is not None and order_seed < 0:
            raise bad_value("order_seed", order_seed, "a whole number >= 0, or null for pixels as they are")
        if pad < 0:
            raise bad_value("pad", pad, "a whole number >= 0")
        self._order_seed, self._pad = order_seed, pad
        self.flip = of.flip and order_seed is None
        self.crop = bool(getattr(of, "crop", True)) and order_seed is None

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """The files that the other source left out, each with the reason."""
        return list(getattr(self._of, "skipped", ()))

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Ask the other source, check that all images have one size, and rearrange each as it is read."""
        found = splits_of(self._of, targets, classes_from, "data.of")
        if self._order_seed is None and not self._pad:
            return found
        height, width = pixels_of(found.train.read(0)).shape[:2]
        places = np.pad(np.arange(height * width).reshape(height, width), self._pad, constant_values=-1)
        if self._order_seed is not None:
            order = random_order(places.size, _ORDER, self._order_seed)
            places = places.ravel()[order].reshape(places.shape)

        def rearranged(split: Split) -> Split:
            return Rearranged(split, (height, width), places)

        test = None if found.test is None else rearranged(found.test)
        return found._replace(train=rearranged(found.train), val=rearranged(found.val), test=test)

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with that of the other in it."""
        return {
            "_target_": "tlx.data.permuted.Permuted",
            "of": self._of.describe(),
            "order_seed": self._order_seed,
            "pad": self._pad,
        }
