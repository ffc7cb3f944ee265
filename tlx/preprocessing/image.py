"""From a picture to the tensor that a network reads."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Generator, Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from tlx.errors import DataError, bad_value, unknown_name

__all__ = ["ImagePreprocessing"]

_RATIO = (3 / 4, 4 / 3)
_TRIES = 10
_LONGEST = 8  # sides: more of a strip than this never reaches the centre crop


@dataclass(frozen=True)
class ImagePreprocessing:
    """Resize, crop and normalise, as the weights were trained.

    Alpha is dropped, as torchvision's own loader does; 16-bit grey is scaled to 8 bits.

    Args:
        crop: Side of the square that the network reads, in pixels, >= 1.
        resize: Length of the shorter side before the centre crop, in pixels, >= `crop`.
        mean: Subtracted from each channel, of values in [0, 1].
        std: Divides each channel, > 0.
        channels: 3 for RGB, 1 for grey.
        interpolation: nearest, bilinear, bicubic or lanczos.
        scale: Least and greatest share of the area that a random crop keeps, in (0, 1].

    Raises:
        ConfigError: An argument is out of its range.
    """

    crop: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: int = 3
    interpolation: str = "bilinear"
    scale: tuple[float, float] = (0.35, 1.0)

    kind = "image"

    def __post_init__(self) -> None:
        for name in ("mean", "std", "scale"):  # JSON and YAML know no tuples
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        if self.crop < 1:
            raise bad_value("crop", self.crop, "a whole number >= 1")
        if self.resize < self.crop:
            raise bad_value("resize", self.resize, f"at least crop={self.crop}", f"resize={self.crop}")
        if self.channels not in (1, 3):
            raise bad_value("channels", self.channels, "3 (RGB) or 1 (grey)")
        if len(self.mean) != self.channels:
            raise bad_value("mean", self.mean, f"one number for each of the {self.channels} channels")
        if len(self.std) != self.channels or min(self.std) <= 0:
            raise bad_value("std", self.std, f"one number > 0 for each of the {self.channels} channels")
        known = [mode.value for mode in InterpolationMode if mode.value not in ("box", "hamming")]
        if self.interpolation not in known:
            raise unknown_name("interpolation", self.interpolation, known)
        if len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise bad_value("scale", self.scale, "two shares of the area, 0 < least <= greatest <= 1")

    def prepare(self, sample: Image.Image) -> Tensor:
        """The centre of the picture, shape (C, crop, crop), float32."""
        picture = _without_ends(self._decoded(sample))
        picture = F.resize(picture, [self.resize], interpolation=self._mode)
        return self._normalised(F.center_crop(picture, [self.crop]))

    def augment(self, sample: Image.Image, generator: Generator, flip: bool) -> Tensor:
        """A random part of the picture, perhaps mirrored, shape (C, crop, crop), float32.

        The part has an area share in `scale` and a side ratio in [3/4, 4/3]
        (Szegedy et al., Going deeper with convolutions, CVPR 2015).

        Args:
            sample: The picture.
            generator: Every draw comes from it; how many draws does not depend on the picture.
            flip: Whether to mirror half of the samples.
        """
        picture = self._decoded(sample)
        draws = torch.rand(_TRIES + 1, 4, generator=generator, dtype=torch.float64)
        top, left, height, width = self._part(picture.height, picture.width, draws[:_TRIES].tolist())
        picture = F.resized_crop(
            picture, top, left, height, width, [self.crop, self.crop], interpolation=self._mode
        )
        if flip and draws[_TRIES, 0] < 0.5:
            picture = F.hflip(picture)
        return self._normalised(picture)

    def collate(self, prepared: Sequence[Tensor]) -> Tensor:
        """Stack pictures, shape (B, C, crop, crop)."""
        return torch.stack(list(prepared))

    def describe(self) -> dict[str, Any]:
        """Every setting and the `_target_` that builds this again, as plain values."""
        settings = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {"_target_": f"{type(self).__module__}.{type(self).__qualname__}", **settings}

    def save(self, folder: Path) -> None:
        """Write nothing: `describe` holds all."""

    @property
    def _mode(self) -> InterpolationMode:
        return InterpolationMode(self.interpolation)

    def _decoded(self, sample: Image.Image) -> Image.Image:
        upright = _eight_bit(ImageOps.exif_transpose(sample))
        if upright.mode in ("P", "PA"):
            upright = upright.convert("RGBA")
        wanted = "RGB" if self.channels == 3 else "L"
        return upright if upright.mode == wanted else upright.convert(wanted)

    def _normalised(self, picture: Image.Image) -> Tensor:
        values: Tensor = F.normalize(
            F.convert_image_dtype(F.pil_to_tensor(picture), torch.float32), list(self.mean), list(self.std)
        )
        return values

    def _part(self, height: int, width: int, draws: list[list[float]]) -> tuple[int, int, int, int]:
        low, high = self.scale
        for share, ratio, down, right in draws:
            area = height * width * (low + (high - low) * share)
            sides = _RATIO[0] * (_RATIO[1] / _RATIO[0]) ** ratio  # log-uniform
            w, h = round(math.sqrt(area * sides)), round(math.sqrt(area / sides))
            if 0 < w <= width and 0 < h <= height:
                return int(down * (height - h + 1)), int(right * (width - w + 1)), h, w
        w = max(1, min(width, round(height * _RATIO[1])))
        h = max(1, min(height, round(width / _RATIO[0])))
        return (height - h) // 2, (width - w) // 2, h, w


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion of some of its modes clips instead."""
    if picture.mode == "F":
        raise DataError(
            "a picture has pixels of floating point and unknown range", fix="save it as 8-bit PNG"
        )
    if not picture.mode.startswith("I"):
        return picture
    wide = picture if picture.mode == "I" else picture.convert("I")
    if wide.getextrema()[1] > 65535:  # type: ignore[operator]
        raise DataError("a picture has 32-bit pixels, whose range is unknown", fix="save it as 8-bit PNG")
    return wide.point(lambda value: value * (1 / 257) + 0.5).convert("L")


def _without_ends(picture: Image.Image) -> Image.Image:
    """Cut a long strip, whose resized copy would fill the memory, to its middle."""
    longest = _LONGEST * min(picture.size)
    if max(picture.size) <= longest:
        return picture
    middle: Image.Image = F.center_crop(picture, [min(picture.height, longest), min(picture.width, longest)])
    return middle
