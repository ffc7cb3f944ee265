"""Which calls of torch's functions have a kernel for the squares of their parameters' gradients.

A call is known by the function and by its arguments, not by the module that makes it: `torch.nn.Linear`, a
class that inherits from it and a network that calls `functional.linear` with a parameter of its own are one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from tlx.functional.per_sample.kernels import (
    Convolution,
    Role,
    Sums,
    add_batch_norm,
    add_conv,
    add_embedding,
    add_linear,
    add_norm,
)

__all__ = ["Add", "Call", "Layout", "known_calls"]

Add: TypeAlias = Callable[[Sums, Tensor, Tensor, int], None]
"""Adds to sums the squares that follow from inputs, the output's gradient and a limit of bytes."""
Layout: TypeAlias = Literal["first", "second", "folded"]
"""Where the samples are: along the first axis, the second, or the first with each sample's rows together."""


@dataclass(frozen=True)
class Call:
    """One call of a function that has kernels.

    Args:
        inputs: What the layer took in.
        parameters: Weight and bias, as far as they were given.
        add: Their kernel.
        features: How many of the last axes of `inputs` are features, where all before them are samples and
            positions; None where the samples are along the first axis or nowhere.
    """

    inputs: Tensor
    parameters: dict[Role, Tensor]
    add: Add
    features: int | None = None

    def layouts(self, count: int) -> list[Layout]:
        """Where the samples can be, the likeliest first; empty where no kernel knows the place.

        Args:
            count: The number of samples.
        """
        shape, features = self.inputs.shape, self.features or 0
        leading = shape[: max(0, len(shape) - features)]
        found: list[Layout] = ["first"] if leading and leading[0] == count else []
        if self.features is not None and leading:
            found += ["second"] if len(leading) > 1 and leading[1] == count else []
            found += ["folded"] if leading[0] != count and leading[0] % count == 0 else []
        return found

    def is_shared(self, count: int) -> bool:
        """Whether it is made once for all of several samples, along a first axis of length 1."""
        return self.features is not None and len(self.inputs) == 1 and count > 1 and not self.layouts(count)

    def by_sample(
        self, inputs: Tensor, gradients: Tensor, layout: Layout, count: int
    ) -> tuple[Tensor, Tensor]:
        """Inputs and the output's gradient as the kernels take them: the samples first, rows as (N, P, F).

        Args:
            inputs: What the layer took in.
            gradients: Of its output.
            layout: Where the samples are.
            count: The number of samples.
        """
        if self.features is None:
            return inputs, gradients
        return (
            _rows(inputs, layout, count, self.features),
            _rows(gradients, layout, count, max(1, self.features)),
        )


def _rows(values: Tensor, layout: Layout, count: int, features: int) -> Tensor:
    values = values.transpose(0, 1) if layout == "second" else values
    return values.reshape(count, -1, math.prod(values.shape[values.ndim - features :]))


def known_calls() -> Mapping[Any, Callable[..., Call | None]]:
    """From torch's functions to what reads their arguments."""
    return {
        F.linear: _linear,
        torch.addmm: _addmm,
        F.conv1d: _conv(1),
        F.conv2d: _conv(2),
        F.conv3d: _conv(3),
        F.batch_norm: _batch_norm,
        F.layer_norm: _layer_norm,
        F.rms_norm: _rms_norm,
        F.group_norm: _group_norm,
        F.embedding: _embedding,
    }


def _given(weight: Tensor | None, bias: Tensor | None = None) -> dict[Role, Tensor]:
    pairs: tuple[tuple[Role, Tensor | None], ...] = (("weight", weight), ("bias", bias))
    return {role: tensor for role, tensor in pairs if tensor is not None}


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Call | None:
    return Call(input, _given(weight, bias), add_linear, features=1)


def _addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1, out: Tensor | None = None
) -> Call | None:
    """A linear layer with a transposed weight, as GPT-2 has it."""
    if beta != 1 or alpha != 1 or out is not None or input.ndim != 1:
        return None

    def add(into: Sums, inputs: Tensor, gradients: Tensor, limit: int) -> None:
        add_linear(
            {role: sums.mT if role == "weight" else sums for role, sums in into.items()},
            inputs,
            gradients,
            limit,
        )

    return Call(mat1, _given(mat2, input), add, features=1)


def _conv(axes: int) -> Callable[..., Call | None]:
    def read(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
    ) -> Call | None:
        if input.ndim != axes + 2:
            return None
        spread = _each(dilation, axes)
        zeros = _zeros(padding, weight.shape[2:], spread)
        how = Convolution(_each(stride, axes), zeros, spread, groups)

        def add(into: Sums, inputs: Tensor, gradients: Tensor, limit: int) -> None:
            add_conv(into, inputs, gradients, how, limit)

        return Call(input, _given(weight, bias), add)

    return read


def _each(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * axes
    return tuple(value) * axes if len(value) == 1 else tuple(value)


def _zeros(
    padding: str | int | Sequence[int], kernel: Sequence[int], dilation: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """Before and after each axis; of an odd number the greater part is after, as torch has it."""
    if padding == "same":
        totals = [step * (length - 1) for step, length in zip(dilation, kernel, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        return ((0, 0),) * len(kernel)
    return tuple((zeros, zeros) for zeros in _each(padding, len(kernel)))


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Call | None:
    if training or running_mean is None or running_var is None:
        return None
    mean, variance = running_mean, running_var

    def add(into: Sums, inputs: Tensor, gradients: Tensor, limit: int) -> None:
        add_batch_norm(into, inputs, gradients, mean, variance, eps)

    return Call(input, _given(weight, bias), add)


def _layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Call | None:
    def add(into: Sums, inputs: Tensor, gradients: Tensor, limit: int) -> None:
        add_norm(into, F.layer_norm(inputs, inputs.shape[2:], eps=eps), gradients, 2)

    return Call(input, _given(weight, bias), add, features=len(normalized_shape))


def _rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Call | None:
    def add(into: Sums, inputs: Tensor, gradients: Tensor, limit: int) -> None:
        add_norm(into, F.rms_norm(inputs, list(inputs.shape[2:]), eps=eps), gradients, 2)

    return Call(input, _given(weight), add, features=len(normalized_shape))


def _group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Call | None:
    def add(into: Sums, inputs: Tensor, gradients: Tensor, limit: int) -> None:
        add_norm(into, F.group_norm(inputs, num_groups, eps=eps), gradients, 1)

    return Call(input, _given(weight, bias), add)


def _embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Call | None:
    if max_norm is not None or scale_grad_by_freq:
        return None

    def add(into: Sums, inputs: Tensor, gradients: Tensor, limit: int) -> None:
        add_embedding(into, inputs.flatten(1), gradients, padding_idx)

    return Call(input, _given(weight), add, features=0)
