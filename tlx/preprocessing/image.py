"""From a picture to the tensor that a network reads."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Generator, Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from tlx.errors import DataError, bad_value, unknown_name

__all__ = ["ImagePreprocessing", "upright"]

_RATIO = (3 / 4, 4 / 3)
_TRIES = 10
_LONGEST = 8  # sides: more of a strip than this never reaches the centre crop
_ORIENTATION = 0x0112
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class ImagePreprocessing:
    """Resize, crop and normalise, as the weights were trained.

    A sample is a picture, or an array of shape (H, W, C) or, with one channel, (H, W). A picture
    is turned into the wanted channels: with 1 or 3 its alpha is dropped, as torchvision's own
    loader does; with 2 or 4 alpha is a channel like the others (255 where there is none); 16-bit
    grey is scaled to 8 bits. An array must have its `channels`; uint8 and uint16 are divided by
    their greatest value, floating point is taken as it is.

    Args:
        crop: Side of the square that the network reads, in pixels, >= 1.
        resize: Length of the shorter side before the centre crop, in pixels, >= `crop`.
        mean: Subtracted from each channel, of values in [0, 1] (an array of floating point: of its own).
        std: Divides each channel, > 0.
        channels: 3 for RGB, 1 for grey, 4 and 2 for these with alpha; any number >= 1 of an array.
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
        if self.channels < 1:
            raise bad_value("channels", self.channels, "3 (RGB), 1 (grey), or another whole number >= 1")
        if len(self.mean) != self.channels:
            raise bad_value("mean", self.mean, f"one number for each of the {self.channels} channels")
        if len(self.std) != self.channels or min(np.float32(value) for value in self.std) <= 0:
            raise bad_value("std", self.std, f"one number > 0 for each of the {self.channels} channels")
        known = [mode.value for mode in InterpolationMode if mode.value not in ("box", "hamming")]
        if self.interpolation not in known:
            raise unknown_name("interpolation", self.interpolation, known)
        if len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise bad_value("scale", self.scale, "two shares of the area, 0 < least <= greatest <= 1")

    def prepare(self, sample: Image.Image | NDArray[Any]) -> Tensor:
        """The centre of the sample, shape (C, crop, crop), float32.

        Raises:
            DataError: It has pixels of unknown range, or an array has other channels.
        """
        return self._normalised([self._centre(plane) for plane in self._planes(sample)])

    def prepare_together(self, pixels: NDArray[np.uint8]) -> Tensor | None:
        """Several images of one size at once, to the bit what `prepare` makes of each.

        Args:
            pixels: Shape (B, H, W) grey or (B, H, W, 3) RGB.

        Returns:
            Shape (B, C, crop, crop), float32; None where each has to be resized or converted first.
        """
        side, *read = self.crop, *pixels.shape[3:]
        alike = read == [self.channels] or (not read and self.channels in (1, 3))
        if pixels.shape[1:3] != (side, side) or self.resize != side or not alike:
            return None
        values = np.empty((len(pixels), self.channels, side, side), np.float32)
        values[:] = pixels.transpose(0, 3, 1, 2) if read else pixels[:, None]
        return torch.from_numpy(self._scaled(values, pixels.dtype))

    def augment(self, sample: Image.Image | NDArray[Any], generator: Generator, flip: bool) -> Tensor:
        """A random part of the sample, perhaps mirrored, shape (C, crop, crop), float32.

        The part has an area share in `scale` and a side ratio in [3/4, 4/3]
        (Szegedy et al., Going deeper with convolutions, CVPR 2015).

        Args:
            sample: The picture or array.
            generator: Every draw comes from it; how many draws does not depend on the sample.
            flip: Whether to mirror half of the samples.

        Raises:
            DataError: It has pixels of unknown range, or an array has other channels.
        """
        planes = self._planes(sample)
        draws = torch.rand(_TRIES + 1, 4, generator=generator, dtype=torch.float64)
        part = self._part(planes[0].height, planes[0].width, draws[:_TRIES].tolist())
        side = [self.crop, self.crop]
        planes = [F.resized_crop(plane, *part, side, interpolation=self._mode) for plane in planes]
        if flip and draws[_TRIES, 0] < 0.5:
            planes = [F.hflip(plane) for plane in planes]
        return self._normalised(planes)

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

    def _planes(self, sample: Image.Image | NDArray[Any]) -> list[Image.Image]:
        """What goes through the same geometry: a picture, or one for each of its channels."""
        if isinstance(sample, np.ndarray):
            return self._channels_of(sample)
        read = _eight_bit(upright(sample))
        if read.mode in ("P", "PA"):
            read = read.convert("RGBA")
        wanted = _MODES.get(self.channels)
        if wanted is None:
            raise DataError(
                f"a picture has at most 4 channels, the network reads {self.channels}",
                fix="a source whose samples are arrays of shape (H, W, C), or another model.channels",
            )
        picture = read if read.mode == wanted else read.convert(wanted)
        # Pillow lets alpha weigh the colours when it resizes; here it is a channel like the others
        return list(picture.split()) if wanted.endswith("A") else [picture]

    def _channels_of(self, array: NDArray[Any]) -> list[Image.Image]:
        stacked = array[:, :, None] if array.ndim == 2 else array
        if stacked.ndim != 3 or stacked.shape[2] != self.channels or not stacked.size:
            raise DataError(
                f"an array has the shape {array.shape}, the network reads (H, W, {self.channels})",
                fix=f"model.channels={stacked.shape[2]}" if stacked.ndim == 3 else "samples of that shape",
            )
        if stacked.dtype == np.uint16:
            stacked = stacked / np.float32(65535)
        elif stacked.dtype != np.uint8 and stacked.dtype.kind != "f":
            raise DataError(
                f"an array has the type {stacked.dtype}, whose range is unknown",
                fix="uint8, uint16, or floating point in [0, 1]",
            )
        if stacked.dtype != np.uint8:
            stacked = stacked.astype(np.float32)
        return [Image.fromarray(np.ascontiguousarray(stacked[:, :, c])) for c in range(self.channels)]

    def _centre(self, plane: Image.Image) -> Image.Image:
        """The middle of a plane, resized; one that has the size is not copied."""
        resized = plane
        if plane.size != (self.resize, self.resize):
            resized = F.resize(_without_ends(plane), [self.resize], interpolation=self._mode)
        if resized.size != (self.crop, self.crop):
            resized = F.center_crop(resized, [self.crop])
        return resized

    def _normalised(self, planes: Sequence[Image.Image]) -> Tensor:
        """What torchvision makes of the planes, to the bit, in a few calls: small pictures are many."""
        pixels = [np.asarray(plane) for plane in planes]
        values = np.empty((self.channels, *pixels[0].shape[:2]), np.float32)
        if pixels[0].ndim == 3:
            values[:] = pixels[0].transpose(2, 0, 1)
        else:
            for channel, plane in zip(values, pixels, strict=True):
                channel[:] = plane
        return torch.from_numpy(self._scaled(values, pixels[0].dtype))

    def _scaled(self, values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[np.float32]:
        """Values of shape (..., C, H, W), as the pixels had them, changed in their place."""
        if dtype == np.uint8:
            values /= np.float32(255)
        values -= np.array(self.mean, np.float32)[:, None, None]
        values /= np.array(self.std, np.float32)[:, None, None]
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


def upright(picture: Image.Image) -> Image.Image:
    """A picture turned as it is to be looked at; the picture itself where it stands so already."""
    if picture.getexif().get(_ORIENTATION, 1) == 1:
        return picture
    turned: Image.Image = ImageOps.exif_transpose(picture)
    return turned


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
