"""Common corruptions of pictures: noise, blur, light and compression, in five severities."""

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate

from tlx.errors import bad_value, unknown_name

__all__ = ["CORRUPTIONS", "EDITION", "SEVERITIES", "check_corruption", "corrupted"]

EDITION = 1
"""Counts changes of this arithmetic: whoever keeps what was made of corrupted pictures tells them by it."""

SEVERITIES = range(1, 6)

Values = NDArray[np.float64]


def corrupted(
    pixels: NDArray[np.uint8], corruption: str, severity: int, generator: Generator, scale: float = 1.0
) -> NDArray[np.uint8]:
    """A picture corrupted as those of ImageNet-C.

    Hendrycks and Dietterich 2019, *Benchmarking Neural Network Robustness to Common Corruptions and
    Perturbations*, arXiv 1903.12261; the severities are those of the authors' `make_imagenet_c.py`, for
    224 x 224 pixels cut out of pictures whose shorter side has 256. Of their nineteen these are the
    thirteen that need no pictures of their own and no order of pixels: frost, snow, spatter, fog, glass
    blur and elastic transform are missing. Departures: values are rounded to the nearest where theirs are
    cut off, the rim of the disk of `defocus_blur` is never cut off, and nothing is saved as JPEG on the way.

    Radii and widths of blurs are lengths and follow `scale`. Shares of the picture (`pixelate`, `zoom_blur`)
    and what is said of single pixels (noise, the antialiasing of `defocus_blur`) do not.

    >>> half = corrupted(np.array([[0, 200]], np.uint8), "contrast", 1, np.random.default_rng(0))
    >>> half.tolist()
    [[60, 140]]

    Args:
        pixels: Shape (H, W) or (H, W, 1) grey, (H, W, 3) RGB; they stay as they are.
        corruption: One of `CORRUPTIONS`. Grey has no saturation, and `saturate` leaves it alone.
        severity: From 1, mild, to 5.
        generator: Every draw comes from it.
        scale: What lengths are multiplied by, > 0.

    Returns:
        The shape of `pixels`.

    Raises:
        ConfigError: There is no such corruption, severity or scale, or the array is no picture.
    """
    check_corruption(corruption, severity)
    if not (scale > 0 and math.isfinite(scale)):
        raise bad_value("scale", scale, "a number > 0")
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or not pixels.size:
        raise bad_value("pixels", f"{pixels.dtype} {pixels.shape}", "uint8 of shape (H, W) or (H, W, C)")
    if pixels.shape[2:] not in ((), (1,), (3,)):
        raise bad_value("pixels", f"{pixels.shape[2]} channels", "one or three", "three of them at a time")
    change, levels = _OFFERED[corruption]
    values = pixels.reshape(*pixels.shape[:2], -1) / 255.0
    changed = change(values, levels[severity - 1], generator, scale)
    rounded: NDArray[np.uint8] = np.rint(changed.clip(0, 1) * 255).astype(np.uint8)
    return rounded.reshape(pixels.shape)


def check_corruption(corruption: str, severity: int) -> None:
    """Refuse what does not exist.

    Raises:
        ConfigError: There is no such corruption, or no such severity.
    """
    if corruption not in _OFFERED:
        raise unknown_name("corruption", corruption, _OFFERED)
    if severity not in SEVERITIES:
        raise bad_value("severity", severity, "a whole number from 1, mild, to 5")


def _gaussian_noise(values: Values, deviation: float, generator: Generator, _: float) -> Values:
    return values + deviation * generator.standard_normal(values.shape)


def _shot_noise(values: Values, photons: float, generator: Generator, _: float) -> Values:
    return generator.poisson(values * photons) / photons


def _impulse_noise(values: Values, share: float, generator: Generator, _: float) -> Values:
    struck, white = generator.random((2, *values.shape))
    return np.where(struck < share, white < 0.5, values)


def _speckle_noise(values: Values, deviation: float, generator: Generator, _: float) -> Values:
    return values + values * deviation * generator.standard_normal(values.shape)


def _gaussian_blur(values: Values, deviation: float, _: Generator, scale: float) -> Values:
    from scipy import ndimage  # slow to import

    sides = (deviation * scale, deviation * scale, 0)
    blurred: Values = ndimage.gaussian_filter(values, sides, mode="nearest")
    return blurred


def _defocus_blur(values: Values, level: tuple[float, float], _: Generator, scale: float) -> Values:
    """A disk, smoothed over neighbouring pixels; the picture goes on as in a mirror."""
    from scipy import ndimage

    radius, antialiasing = level[0] * scale, level[1]
    reach = 1 if level[0] <= 8 else 2
    half = math.floor(radius) + reach
    steps = np.arange(-half, half + 1)
    disk = (steps[:, None] ** 2 + steps**2 <= radius**2).astype(float)
    kernel = ndimage.gaussian_filter(disk, antialiasing, mode="constant", truncate=reach / antialiasing)
    return _convolved(values, kernel / kernel.sum(), "reflect")


def _motion_blur(values: Values, level: tuple[float, float], generator: Generator, scale: float) -> Values:
    """A trail to one side that fades as a Gaussian does, as ImageMagick draws it; the border goes on."""
    radius, deviation = level[0] * scale, level[1] * scale
    angle = math.radians(generator.uniform(-45, 45))
    half = 2 * math.ceil(radius)
    steps = np.arange(half + 1)
    weights = np.exp(-(steps**2) / (2 * deviation**2))
    down, right = (np.rint(steps * part).astype(int) for part in (math.sin(angle), math.cos(angle)))
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    np.add.at(kernel, (half - down, half - right), weights / weights.sum())
    return _convolved(values, kernel, "edge")


def _zoom_blur(values: Values, factors: Values, _: Generator, __: float) -> Values:
    total = values.copy()
    for factor in factors:
        total += _zoomed(values, float(factor))
    return total / (len(factors) + 1)


def _zoomed(values: Values, factor: float) -> Values:
    middle = _middle(values, *(math.ceil(side / factor) for side in values.shape[:2]))
    sides = tuple(round(side * factor) for side in middle.shape[:2])
    planes = torch.from_numpy(middle.transpose(2, 0, 1)[None])
    zoomed = interpolate(planes, sides, mode="bilinear", align_corners=True)[0]
    return _middle(zoomed.numpy().transpose(1, 2, 0), *values.shape[:2])


def _middle(values: Values, height: int, width: int) -> Values:
    top, left = (values.shape[0] - height) // 2, (values.shape[1] - width) // 2
    return values[top : top + height, left : left + width]


def _brightness(values: Values, more: float, _: Generator, __: float) -> Values:
    """More value, with hue and saturation as they are."""
    value = values.max(axis=2, keepdims=True)
    wanted = (value + more).clip(0, 1)
    found: Values = np.where(value > 0, values * (wanted / np.where(value > 0, value, 1)), wanted)
    return found


def _contrast(values: Values, share: float, _: Generator, __: float) -> Values:
    mean = values.mean(axis=(0, 1), keepdims=True)
    found: Values = (values - mean) * share + mean
    return found


def _saturate(values: Values, level: tuple[float, float], _: Generator, __: float) -> Values:
    """Other saturation, with hue and value as they are; what is grey has the hue of red."""
    if values.shape[2] == 1:
        return values
    value = values.max(axis=2, keepdims=True)
    span = value - values.min(axis=2, keepdims=True)
    saturation = span / np.where(value > 0, value, 1)
    wanted = (saturation * level[0] + level[1]).clip(0, 1)
    coloured = span > 0
    away = np.where(coloured, (value - values) / np.where(coloured, span, 1), [0.0, 1.0, 1.0])
    found: Values = value * (1 - wanted * away)
    return found


def _pixelate(values: Values, share: float, _: Generator, __: float) -> Values:
    picture = _picture(values)
    few = (max(1, int(picture.width * share)), max(1, int(picture.height * share)))
    coarse = picture.resize(few, Image.Resampling.BOX)
    return _values(coarse.resize(picture.size, Image.Resampling.BOX), values)


def _jpeg_compression(values: Values, quality: int, _: Generator, __: float) -> Values:
    file = io.BytesIO()
    _picture(values).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return _values(picture, values)


def _picture(values: Values) -> Image.Image:
    pixels = np.rint(values * 255).astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _values(picture: Image.Image, like: Values) -> Values:
    return np.asarray(picture).reshape(like.shape) / 255.0


def _convolved(values: Values, kernel: Values, border: Any) -> Values:
    """Each channel, with as much border as the kernel reaches; kernel of shape (2 r + 1, 2 r + 1)."""
    from scipy.signal import fftconvolve  # slow to import

    reach = len(kernel) // 2
    padded = np.pad(values, ((reach, reach), (reach, reach), (0, 0)), mode=border)
    found: Values = fftconvolve(padded, kernel[:, :, None], mode="valid", axes=(0, 1))
    return found


_OFFERED: dict[str, tuple[Callable[[Values, Any, Generator, float], Values], tuple[Any, ...]]] = {
    "gaussian_noise": (_gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot_noise": (_shot_noise, (60, 25, 12, 5, 3)),
    "impulse_noise": (_impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27)),
    "speckle_noise": (_speckle_noise, (0.15, 0.2, 0.35, 0.45, 0.6)),
    "defocus_blur": (_defocus_blur, ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))),
    "gaussian_blur": (_gaussian_blur, (1, 2, 3, 4, 6)),
    "motion_blur": (_motion_blur, ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))),
    "zoom_blur": (
        _zoom_blur,
        tuple(
            np.arange(1, most, step)
            for most, step in ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))
        ),
    ),
    "brightness": (_brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": (_contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "saturate": (_saturate, ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))),
    "pixelate": (_pixelate, (0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg_compression": (_jpeg_compression, (25, 18, 15, 10, 7)),
}
"""Each with what its five severities are, from `make_imagenet_c.py`."""

CORRUPTIONS: tuple[str, ...] = tuple(_OFFERED)
"""Names: noise first, then blurs, light and colour, and what saving does."""
