"""What may have gone wrong with pictures before a network reads them, each as the values without it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from tlx.preprocessing.image import ImagePreprocessing

__all__ = ["Correction", "corrections", "impossible", "reversed_channels", "strangeness"]

Norm: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,), (0.5,))
PLAIN = ((0.0,), (1.0,))
NOTABLY = 0.3
"""By how much less strange a correction leaves the values, to be tried at all."""
ALIKE = 0.5
"""Strangenesses that differ by less say nothing."""
MOST = 4
WEIGHT = 2.0
UNWANTED = "values are normalised, and the weights were trained with such as were not"
NEGATIVE, BRIGHT = -0.05, 2.0
"""What no picture holds that is read as values from 0 to 1."""


@dataclass(frozen=True, eq=False)
class Correction:
    """A fault, and the inputs as they would be without it.

    Args:
        inputs: Shape (N, C, H, W).
        fault: What is wrong, if this is right: completes "it looks as if".
        fix: The way out.
    """

    inputs: Tensor
    fault: str
    fix: str


def strangeness(inputs: Tensor) -> float:
    r"""How far values are from mean 0 and spread 1, averaged over channels.

    .. math:: \frac1C \sum_c \mu_c^2 + 2 \ln^2 \sigma_c

    >>> strangeness(torch.tensor([[[[3.0]]], [[[1.0]]]]))
    4.0

    Args:
        inputs: Shape (N, C, H, W).
    """
    rows = inputs.double().transpose(0, 1).flatten(1)
    spread = rows.std(dim=1, correction=0).clamp_min(1e-12)
    return round(float((rows.mean(dim=1).square() + WEIGHT * spread.log().square()).mean()), 9)


def impossible(inputs: Tensor, preprocessing: ImagePreprocessing) -> bool:
    """Whether the values before the normalisation are none of a picture's, which lie in [0, 1].

    Args:
        inputs: What reaches the network, shape (N, C, H, W).
        preprocessing: What made it; a mean above 1 says that it expects other values.
    """
    values = inputs * _shaped(preprocessing.std, inputs) + _shaped(preprocessing.mean, inputs)
    expected = max(preprocessing.mean) <= 1 and min(preprocessing.mean) >= 0
    return expected and (float(values.min()) < NEGATIVE or float(values.max()) > BRIGHT)


def corrections(
    inputs: Tensor, preprocessing: ImagePreprocessing, plain: bool = False, network: str = ""
) -> list[Correction]:
    """Other scales, of those that leave the values clearly nearer to 0 and 1, the nearest first.

    Arrays that were normalised or divided before, or not divided; weights that want another mean and
    another spread than the preprocessing's. Where the values are as they ought to be there is none.

    Args:
        inputs: What reaches the network, shape (N, C, H, W).
        preprocessing: What made it.
        plain: Whether to try values from 0 to 1 as well, which lie far from mean 0 and spread 1.
        network: Words that choose a model whose mean and std can be set; empty: they can be as it is.
    """
    as_is = strangeness(inputs)
    tried = [(strangeness(each.inputs), each) for each in _scales(inputs, preprocessing, network)]
    better = [pair for pair in tried if pair[0] < as_is - NOTABLY]
    better.sort(key=lambda pair: int(pair[0] / ALIKE))  # of those about as near the simpler ones come first
    found = [each for _, each in better[:MOST]]
    without = [each for _, each in tried if each.fault == UNWANTED and each not in found]
    return found + (without if plain else [])


def reversed_channels(inputs: Tensor, preprocessing: ImagePreprocessing) -> Correction | None:
    """Blue first instead of red; None where there are not three colours, or none that differ.

    Args:
        inputs: What reaches the network, shape (N, C, H, W).
        preprocessing: What made it.
    """
    if inputs.shape[1] != 3:
        return None
    mean, std = _shaped(preprocessing.mean, inputs), _shaped(preprocessing.std, inputs)
    values = inputs * std + mean
    turned = (values.flip(1) - mean) / std
    if bool(torch.allclose(turned, inputs, atol=1e-3)):
        return None
    return Correction(
        turned,
        "the channels come in the order blue, green, red to weights that know red, green, blue, or the "
        "other way round",
        "arrays with the last axis reversed, [..., ::-1]; cv2.imread gives blue first",
    )


def _scales(inputs: Tensor, preprocessing: ImagePreprocessing, network: str) -> Iterator[Correction]:
    mean, std = preprocessing.mean, preprocessing.std
    values = inputs * _shaped(std, inputs) + _shaped(mean, inputs)
    low, high = float(values.min()), float(values.max())
    own = (mean, std)
    if low < NEGATIVE:
        yield from _undone(inputs, values, own, (low, high), network)
        return
    yield from _others(inputs, values, own, network)
    for times, name in ((2.0, "twice"), (0.5, "half"), (255.0, "255 times"), (1 / 255, "a 255th of")):
        if times != 1 / 255 or high <= BRIGHT:
            yield Correction(
                inputs * times,
                f"the std of the preprocessing is {name} what the weights were trained with",
                _words(network, None if not network else list(mean), [value / times for value in std]),
            )


def _others(inputs: Tensor, values: Tensor, own: Norm, network: str) -> Iterator[Correction]:
    """Another mean and std than the preprocessing's, and values divided once too often or too rarely."""
    (mean, std), high = own, float(values.max())
    factors = {1.0: ""}
    if high > BRIGHT:
        factors[1 / 255] = f"values up to {high:.4g} are not divided by 255"
    elif 0 < high < 0.02:
        factors[255.0] = f"values up to {high:.2g} are divided by 255 twice"
    elif max(mean) > 1.5 or max(std) > 1.5:
        factors[255.0] = "the mean and std are those of values up to 255, and the values are up to 1"
    for factor, said in factors.items():
        for wanted in (own, IMAGENET, HALF, PLAIN):
            if (factor == 1 and _alike(wanted, own)) or len(wanted[0]) not in (1, inputs.shape[1]):
                continue
            yield _of(values * factor, wanted, own, said, inputs, network)


def _undone(
    inputs: Tensor,
    values: Tensor,
    own: Norm,
    range_: tuple[float, float],
    network: str,
) -> Iterator[Correction]:
    """Values below 0, taken for pictures that were normalised before: once is enough."""
    said = f"values from {range_[0]:.3g} to {range_[1]:.3g} were normalised before, and are a second time"
    fix = "pictures as they were, with values from 0 to 255"
    fix += "" if network else ", or model.mean and model.std of 0 and 1"
    for before in (own, IMAGENET, HALF):
        if len(before[0]) in (1, inputs.shape[1]) and (before is own or not _alike(before, own)):
            pictures = values * _shaped(before[1], inputs) + _shaped(before[0], inputs)
            yield Correction((pictures - _shaped(own[0], inputs)) / _shaped(own[1], inputs), said, fix)


def _of(
    values: Tensor,
    wanted: Norm,
    own: Norm,
    said: str,
    inputs: Tensor,
    network: str,
) -> Correction:
    made = (values - _shaped(wanted[0], inputs)) / _shaped(wanted[1], inputs)
    channels = inputs.shape[1]
    to = [list(each) * (channels if len(each) == 1 else 1) for each in wanted]
    ways = ["arrays divided by 255 once: of type uint8, or of floating point from 0 to 1"] if said else []
    faults = [said] if said else []
    if not _alike(wanted, own):
        ways.append(_words(network, *to))
        faults.append(_misfit(wanted, own))
    return Correction(made, ", and ".join(faults), "; and ".join(ways))


def _misfit(wanted: Norm, own: Norm) -> str:
    if _alike(own, PLAIN):
        return "values are not normalised, and the weights were trained with such as were"
    if wanted is PLAIN:
        return UNWANTED
    name = "ImageNet's" if wanted is IMAGENET else "0.5 and 0.5"
    return f"the mean and std of the preprocessing are not the weights' own, which may be {name}"


def _alike(first: Norm, second: Norm) -> bool:
    return all(
        all(abs(a - b) < 0.02 for a, b in zip(_long(x, len(y)), _long(y, len(x)), strict=True))
        for x, y in zip(first, second, strict=True)
    )


def _long(values: tuple[float, ...], count: int) -> tuple[float, ...]:
    return values * count if len(values) == 1 else values


def _shaped(values: tuple[float, ...], inputs: Tensor) -> Tensor:
    return torch.tensor(values, dtype=inputs.dtype, device=inputs.device).view(-1, 1, 1)


def _words(network: str, mean: list[float] | None, std: list[float]) -> str:
    given = [network, "" if mean is None else f"model.mean={_row(mean)}", f"model.std={_row(std)}"]
    return " ".join(word for word in given if word)


def _row(values: list[float]) -> str:
    return "[" + ",".join(f"{value:.4g}" for value in values) + "]"
