"""Another number of input channels than the weights were trained with.

A kernel of the first convolution is carried over so that its answer to a picture that repeats
itself over the channels stays what it was. This is the convention of timm (Wightman 2019,
pytorch-image-models, `adapt_input_conv`).
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from tlx.errors import ConfigError, bad_value
from tlx.preprocessing.image import ImagePreprocessing

__all__ = ["adapt_first_convolution", "adapt_kernel", "adapt_preprocessing"]


def adapt_kernel(kernel: Tensor, channels: int) -> Tensor:
    r"""A kernel for `channels` input channels, from one for others.

    With :math:`C_0` channels before and :math:`C` after, :math:`w'_0 = \sum_i w_i` for
    :math:`C = 1`, otherwise :math:`w'_c = \frac{C_0}{C} w_{c \bmod C_0}`.

    Args:
        kernel: Shape (C out, C in, height, width).
        channels: C in of the result, >= 1.

    Returns:
        Shape (C out, `channels`, height, width); the very kernel where it has these channels.

    Raises:
        ConfigError: `channels` is below 1.

    >>> adapt_kernel(torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1), 4).flatten().tolist()
    [0.75, 1.5, 3.0, 0.75]
    >>> adapt_kernel(torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1), 1).item()
    7.0
    """
    _check(channels)
    known = kernel.shape[1]
    if channels == known:
        return kernel
    if channels == 1:
        return kernel.sum(1, keepdim=True)
    cycle = torch.arange(channels, device=kernel.device) % known
    return kernel[:, cycle] * (known / channels)


def adapt_first_convolution(
    module: nn.Module, channels: int, known: int = 3, first: str | None = None
) -> str:
    """Make a network read `channels` channels, in place.

    The first convolution that reads `known` channels keeps its class, name and settings; its
    weight becomes a new parameter, made by `adapt_kernel`.

    Args:
        module: The network.
        channels: What it shall read, >= 1.
        known: What it reads now.
        first: Name of the convolution where it is known; None: the first in order of registration.

    Returns:
        The convolution's name in `module`.

    Raises:
        ConfigError: `channels` is below 1, or no such convolution is there.
    """
    _check(channels)
    for name, layer in module.named_modules():
        meant = first is None or name == first
        if meant and isinstance(layer, nn.Conv2d) and layer.in_channels == known and layer.groups == 1:
            if channels != known:
                weight = adapt_kernel(layer.weight.detach(), channels)
                layer.weight = nn.Parameter(weight, requires_grad=layer.weight.requires_grad)
                layer.in_channels = channels
            return str(name)
    raise ConfigError(
        f"{type(module).__name__} has no convolution of {known} channels to adapt to channels={channels}",
        fix="channels=null",
    )


def adapt_preprocessing(preprocessing: ImagePreprocessing, channels: int) -> ImagePreprocessing:
    """The same preprocessing for `channels` channels.

    One channel takes the mean of the means and of the deviations; other numbers repeat them.

    Raises:
        ConfigError: `channels` is below 1.
    """
    _check(channels)
    mean, std = (_spread(values, channels) for values in (preprocessing.mean, preprocessing.std))
    return replace(preprocessing, channels=channels, mean=mean, std=std)


def _spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if channels == 1:
        return (sum(values) / len(values),)
    return tuple(values[channel % len(values)] for channel in range(channels))


def _check(channels: int) -> None:
    if channels < 1:
        raise bad_value("channels", channels, "a whole number >= 1, or null for the weights' own")
