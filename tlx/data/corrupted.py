"""The images of another source, corrupted where figures are taken: the test split, or val without one."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tlx.data.changed import Changed
from tlx.data.rearranged import pixels_of
from tlx.data.sources import check_source, splits_of
from tlx.errors import ConfigError, DataError, bad_value
from tlx.functional.corruptions import EDITION, check_corruption, corrupted
from tlx.types import ClassesFrom, Source, Split, Splits, Targets

__all__ = ["Corrupted", "CorruptedSplit", "Recipe"]

PUBLISHED, CUT_FROM = 224, 256
"""Sides of the published pictures, and shorter sides of those that they were cut out of."""

_DRAWS = 0x636F7272757074


class Recipe(NamedTuple):
    """What is done to images, see `Corrupted`."""

    corruption: str
    severity: int
    draw_seed: int = 0
    shorter_side: int | None = CUT_FROM


class Corrupted:
    """Images that noise, blur, light or compression spoils where a network is measured, not where it learns.

    Hendrycks and Dietterich 2019, arXiv 1903.12261; see `tlx.functional.corruptions.corrupted`. The test
    split is corrupted, and training and validation samples stay as they are. Where there is no test
    split, val is: it is what is reported then, and what a fit chooses its epoch by.

    The corruption belongs to the data and not to a network: `tlx predict` reads pictures as they are.

    Args:
        of: The other source, of images.
        corruption: One of `tlx.functional.corruptions.CORRUPTIONS`.
        severity: From 1, mild, to 5, as published.
        draw_seed: Draws noise and directions, for each image by its place in the split; a whole number
            >= 0, apart from the run's seed.
        shorter_side: Pixels to which the shorter side of a larger image is brought first, as it was of the
            published ones: else the noise of single pixels is averaged away before a network reads it;
            >= 1. None: images keep their size.

    Raises:
        ConfigError: The source is of texts, or a value is out of its range.
    """

    kind: str = "image"

    def __init__(
        self,
        of: Source,
        corruption: str = "gaussian_noise",
        severity: int = 3,
        draw_seed: int = 0,
        shorter_side: int | None = CUT_FROM,
    ) -> None:
        self._of = check_source("of", of)
        if of.kind != "image":
            raise ConfigError(f"{of.kind} cannot be corrupted as images are", fix="data.of of images")
        check_corruption(corruption, severity)
        if draw_seed < 0:
            raise bad_value("draw_seed", draw_seed, "a whole number >= 0")
        if shorter_side is not None and shorter_side < 1:
            raise bad_value("shorter_side", shorter_side, "a whole number >= 1, or null for any size")
        self._recipe = Recipe(corruption, severity, draw_seed, shorter_side)
        self.flip, self.crop = of.flip, bool(getattr(of, "crop", True))

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """The files that the other source left out, each with the reason."""
        return list(getattr(self._of, "skipped", ()))

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Ask the other source, and corrupt each image of the reported split as it is read."""
        found = splits_of(self._of, targets, classes_from, "data.of")
        if found.test is None:
            return found._replace(val=CorruptedSplit(found.val, self._recipe))
        return found._replace(test=CorruptedSplit(found.test, self._recipe))

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with that of the other in it."""
        recipe = self._recipe._asdict()
        return {"_target_": "tlx.data.corrupted.Corrupted", "of": self._of.describe(), **recipe}


class CorruptedSplit(Changed):
    """A split of images that are corrupted as they are read, the same way in every process.

    Args:
        split: N images, or arrays of shape (H, W), (H, W, 1) or (H, W, 3), uint8.
        recipe: What is done to them.
        places: What draws of each image depend on beside the seed, shape (N,), int64; None: its place.
    """

    def __init__(self, split: Split, recipe: Recipe, places: NDArray[np.int64] | None = None) -> None:
        super().__init__(split, hashlib.sha256(repr((EDITION, *recipe)).encode()).digest())
        self._recipe = recipe
        self._places = np.arange(len(split)) if places is None else places

    def read(self, index: int) -> Any:
        """The image, or array, corrupted.

        Raises:
            DataError: It cannot be read, or is neither grey nor of three colours in eight bits.
        """
        sample, pixels = self._clean(index)
        changed = self._changed(pixels, index)
        return changed if isinstance(sample, np.ndarray) else Image.fromarray(changed)

    def change(self, index: int) -> float:
        """By how many of 255 grey levels a pixel changes on average; a change of size does not count.

        Raises:
            DataError: As `read`.
        """
        pixels = self._clean(index)[1]
        return float(np.abs(self._changed(pixels, index) - pixels.astype(np.float64)).mean())

    def subset(self, indices: NDArray[np.int64]) -> "CorruptedSplit":
        """The images at `indices`, in that order, each corrupted as before."""
        return CorruptedSplit(self._split.subset(indices), self._recipe, self._places[indices])

    def fingerprint(self) -> str:
        """SHA-256 over the other split's fingerprint, the corruption, and what draws depend on."""
        digest = hashlib.sha256(self._split.fingerprint().encode() + self._change)
        digest.update(np.ascontiguousarray(self._places).data)
        return digest.hexdigest()

    def sides(self) -> NDArray[np.int64]:
        """Height and width of each image, shape (N, 2)."""
        return np.array([self._size(*sides) for sides in self.parts[0].sides().tolist()]).reshape(-1, 2)

    def _clean(self, index: int) -> tuple[Any, NDArray[np.uint8]]:
        sample = self._split.read(index)
        return sample, self._brought_down(self._checked(pixels_of(sample), sample, index))

    def _changed(self, pixels: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        has_alpha = pixels.shape[2:] in ((2,), (4,))
        seen = pixels[:, :, :-1] if has_alpha else pixels
        draws = np.random.SeedSequence((_DRAWS, self._recipe.draw_seed, int(self._places[index])))
        generator, scale = np.random.default_rng(draws), _scale(min(pixels.shape[:2]))
        changed = corrupted(seen, self._recipe.corruption, self._recipe.severity, generator, scale)
        return np.concatenate([changed, pixels[:, :, -1:]], axis=2) if has_alpha else changed

    def _checked(self, pixels: NDArray[Any], sample: Any, index: int) -> NDArray[np.uint8]:
        known = ((), (1,), (3,)) if isinstance(sample, np.ndarray) else ((), (2,), (3,), (4,))
        if pixels.dtype != np.uint8 or pixels.shape[2:] not in known or not pixels.size:
            raise DataError(
                f"{self.name(index)} has pixels of {pixels.dtype} and shape {pixels.shape}: corruptions are "
                "of pictures, grey or RGB with eight bits",
                fix="pictures saved as 8-bit PNG, or arrays of uint8 and shape (H, W) or (H, W, 3)",
            )
        return pixels

    def _size(self, height: int, width: int) -> tuple[int, int]:
        limit, shorter = self._recipe.shorter_side, min(height, width)
        if limit is None or shorter <= limit:
            return height, width
        return limit * height // shorter, limit * width // shorter

    def _brought_down(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The pixels with a shorter side as long as allowed; alpha does not weigh the colours."""
        height, width = self._size(*pixels.shape[:2])
        if (height, width) == pixels.shape[:2]:
            return pixels
        planes = pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)
        bilinear = Image.Resampling.BILINEAR
        small = [np.asarray(Image.fromarray(plane).resize((width, height), bilinear)) for plane in planes]
        return np.stack(small, axis=-1).reshape(height, width, *pixels.shape[2:])


def _scale(shorter: int) -> float:
    """What published lengths are multiplied by for an image, by its shorter side.

    >>> _scale(32) == 32 / 224, _scale(224), _scale(256), _scale(512)
    (True, 1.0, 1.0, 2.0)
    """
    return min(1.0, shorter / PUBLISHED) * max(1.0, shorter / CUT_FROM)
