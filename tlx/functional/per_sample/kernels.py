"""Squares of per-sample gradients, summed over samples, from what a layer took in and its output's gradient.

Every function adds to `into`, the sums of the layer's weight and bias as far as they count, each of the
parameter's shape. Where it takes a `limit`, it holds about so many bytes beside them, or what one sample
needs. The samples are along the first axis of `inputs` and `gradients`. Layers on rows (linear, norms over
features, embeddings) take (N, P, F): P positions of F features each.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv1d_weight, conv2d_weight, conv3d_weight

__all__ = [
    "Convolution",
    "Role",
    "Sums",
    "add_batch_norm",
    "add_conv",
    "add_embedding",
    "add_linear",
    "add_norm",
]

Role: TypeAlias = Literal["weight", "bias"]
Sums: TypeAlias = Mapping[Role, Tensor]

THIN, LARGE, HEAVY = 8, 256, 2**16
"""Channels from which, with `LARGE` positions, torch's own kernel beats a product of matrices; of fewer it
does if it is called for one sample after the other, each with a gradient of `HEAVY` numbers. Measured with
one thread, by the instructions of AVX2 and of AVX-512."""
FEW = 8
"""Gradients that are squared one by one: each is read once, while it is still in the processor's cache."""


def add_linear(into: Sums, inputs: Tensor, gradients: Tensor, limit: int) -> None:
    r"""Of a linear layer, :math:`\sum_n (\sum_p g_{np} a_{np}^\top)^2`.

    Of one position the sum over samples is one product of matrices, :math:`(g^2)^\top a^2`.

    >>> sums = {"weight": torch.zeros(1, 2)}
    >>> add_linear(sums, torch.tensor([[[1.0, 2.0]], [[3.0, 0.0]]]), torch.tensor([[[1.0]], [[2.0]]]), 1000)
    >>> sums["weight"]
    tensor([[37.,  4.]])

    Args:
        into: Of a weight (out, in) and a bias (out,).
        inputs: Shape (N, P, in).
        gradients: Shape (N, P, out).
        limit: Bytes.
    """
    if "bias" in into:
        _add_squares(into["bias"], gradients.sum(1))
    weight = into.get("weight")
    if weight is None:
        return
    if inputs.shape[1] == 1:
        weight.addmm_(gradients.flatten(0, 1).square().T, inputs.flatten(0, 1).square())
        return
    for block in _blocks(len(inputs), weight.nbytes, limit):
        _add_squares(weight, torch.bmm(gradients[block].mT, inputs[block]))


def add_norm(into: Sums, normed: Tensor, gradients: Tensor, channels: int) -> None:
    r"""Of what a norm multiplies with and adds, :math:`\sum_n (\sum_p g_{np} \hat a_{np})^2`.

    Args:
        into: Of a weight and a bias.
        normed: The layer's input, already normed; any shape with the samples first.
        gradients: The same shape.
        channels: The axis that weight and bias lie along; all others but the first are positions.
    """
    if "weight" in into:
        _add_squares(into["weight"], _over_positions(gradients * normed, channels))
    if "bias" in into:
        _add_squares(into["bias"], _over_positions(gradients, channels))


def add_batch_norm(
    into: Sums, inputs: Tensor, gradients: Tensor, mean: Tensor, variance: Tensor, eps: float
) -> None:
    r"""Of a batch norm by running statistics, whose samples do not mix.

    Computed by torch's own backward pass of one sample with N times the channels.

    Args:
        into: Of a weight (channels,) and a bias (channels,).
        inputs: Shape (N, channels, ...).
        gradients: The same shape.
        mean: Shape (channels,).
        variance: Shape (channels,).
        eps: Added to the variance.
    """
    count, channels = inputs.shape[:2]
    shape = (1, count * channels, *inputs.shape[2:], *[1] * (inputs.ndim == 2))
    statistics = [values.to(inputs.dtype).expand(count, -1).reshape(-1) for values in (mean, variance)]
    _, weight, bias = torch.ops.aten.native_batch_norm_backward(
        gradients.reshape(shape), inputs.reshape(shape), None, *statistics, None, None, False, eps,
        [False, True, True],
    )  # fmt: skip
    if "weight" in into:
        _add_squares(into["weight"], weight.view(count, channels))
    if "bias" in into:
        _add_squares(into["bias"], bias.view(count, channels))


def add_embedding(into: Sums, indices: Tensor, gradients: Tensor, padding: int | None) -> None:
    """Of a table of embeddings: what a sample reads twice is added before it is squared.

    >>> sums = {"weight": torch.zeros(3, 1)}
    >>> add_embedding(sums, torch.tensor([[1, 1, 2]]), torch.tensor([[[1.0], [2.0], [5.0]]]), None)
    >>> sums["weight"].flatten()
    tensor([ 0.,  9., 25.])

    Args:
        into: Of a table (rows, features).
        indices: Shape (N, P), int64 or int32.
        gradients: Shape (N, P, features).
        padding: The row that never learns.
    """
    table = into["weight"]
    rows = len(table)
    sample = torch.arange(len(indices), device=indices.device)[:, None] * rows
    keys, gradients = (indices.long() + sample).flatten(), gradients.flatten(0, 1)
    if padding is not None:
        learns = keys % rows != padding % rows
        keys, gradients = keys[learns], gradients[learns]
    found, place = torch.unique(keys, return_inverse=True)
    summed = gradients.new_zeros(len(found), gradients.shape[1]).index_add_(0, place, gradients)
    table.index_add_(0, found % rows, summed.square_())


@dataclass(frozen=True)
class Convolution:
    """The settings of a convolution over D axes.

    Args:
        stride: D whole numbers.
        padding: Zeros before and after each of the D axes.
        dilation: D whole numbers.
        groups: >= 1.
    """

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


def add_conv(into: Sums, inputs: Tensor, gradients: Tensor, how: Convolution, limit: int) -> None:
    r"""Of a convolution over 1, 2 or 3 axes.

    Each sample's gradient is a convolution of its input with its output's gradient. On a processor it is
    computed as one convolution with a group for each sample where the layer is depthwise or its maps are
    large, sample by sample where few channels become many, and otherwise as one product of matrices for each.

    Args:
        into: Of a weight (out, in / groups, *kernel) and a bias (out,).
        inputs: Shape (N, in, *size).
        gradients: Shape (N, out, *size of the output).
        how: The convolution's settings.
        limit: Bytes.
    """
    if "bias" in into:
        _add_squares(into["bias"], gradients.flatten(2).sum(2))
    weight = into.get("weight")
    if weight is None:
        return
    at_once = _directly(weight, gradients, how)
    columns = inputs.shape[1] * weight[0, 0].numel() * gradients[0, 0].numel()
    each = (inputs[0].numel() if at_once else columns) * weight.element_size() + weight.nbytes
    make = _by_groups if at_once else _by_columns
    for block in _blocks(len(inputs), each, min(limit, at_once * each) if at_once else limit):
        _add_squares(weight, make(inputs[block], gradients[block], weight.shape, how))


def _directly(weight: Tensor, gradients: Tensor, how: Convolution) -> int:
    """For how many samples at once torch's own kernel is the faster one; 0 where it is not."""
    channels, taps, positions = weight.shape[1], weight[0, 0].numel(), gradients[0, 0].numel()
    if weight.is_cuda or taps == 1:
        return 0
    depthwise = channels == 1 and len(weight) == how.groups > 1
    if depthwise or (channels >= THIN and positions >= LARGE):
        return len(gradients)
    return int(channels < THIN and how.groups == 1 and gradients[0].numel() >= HEAVY)


def _by_groups(inputs: Tensor, gradients: Tensor, shape: torch.Size, how: Convolution) -> Tensor:
    count = len(inputs)
    compute = {3: conv1d_weight, 4: conv2d_weight, 5: conv3d_weight}[inputs.ndim]
    padding: tuple[int, ...] = tuple(before for before, _ in how.padding)
    if any(before != after for before, after in how.padding):
        inputs, padding = _padded(inputs, how), (0,) * len(padding)
    made: Tensor = compute(
        inputs.flatten(0, 1)[None], [count * shape[0], *shape[1:]],
        gradients.flatten(0, 1)[None], how.stride, padding, how.dilation, count * how.groups,
    )  # type: ignore[no-untyped-call]  # fmt: skip
    return made


def _by_columns(inputs: Tensor, gradients: Tensor, shape: torch.Size, how: Convolution) -> Tensor:
    count, axes = len(inputs), len(shape) - 2
    windows = _padded(inputs, how)
    for axis in range(axes):
        reach = (shape[2 + axis] - 1) * how.dilation[axis] + 1
        windows = windows.unfold(2 + axis, reach, how.stride[axis])[..., :: how.dilation[axis]]
    # (N, in, *output, *kernel) to (N groups, in / groups * kernel, output): copied once, then a product
    order = (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    rows, positions = math.prod(shape[1:]), gradients[0, 0].numel()
    columns = windows.permute(order).reshape(count * how.groups, rows, positions)
    by_group = gradients.reshape(count * how.groups, shape[0] // how.groups, positions)
    return torch.bmm(by_group, columns.mT)


def _padded(inputs: Tensor, how: Convolution) -> Tensor:
    pads = [zeros for pair in reversed(how.padding) for zeros in pair]
    return F.pad(inputs, pads) if any(pads) else inputs


def _add_squares(into: Tensor, gradients: Tensor) -> None:
    """Of gradients that hold the samples first, in any shape, and are nobody else's: they are overwritten."""
    by_sample = gradients.reshape(-1, *into.shape)
    if len(by_sample) > FEW:
        into.add_(by_sample.square_().sum(0))
        return
    for gradient in by_sample:
        into.addcmul_(gradient, gradient)


def _over_positions(values: Tensor, channels: int) -> Tensor:
    others = [axis for axis in range(1, values.ndim) if axis != channels]
    return values.sum(others) if others else values.clone()


def _blocks(count: int, each: int, limit: int) -> Iterator[slice]:
    size = max(1, limit // max(1, each))
    for start in range(0, count, size):
        yield slice(start, start + size)
