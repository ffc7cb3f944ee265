"""Tensors that take no memory, in place of those that are not needed again."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["EXAMPLES", "Leaf", "Sizes"]

EXAMPLES = 2
"""How many samples a leaf is seen with."""


class Sizes(NamedTuple):
    """What differs between the batch that a leaf was seen in and another."""

    samples: int
    tokens: int  # 0 where there are none


@dataclass(frozen=True)
class Leaf:
    """What one tensor that a module took or gave looked like; or a plain value as it was.

    Args:
        shape: For `EXAMPLES` samples.
        dtype: None for a plain value.
        order: The dimensions as they lie in memory, the one of the longest step first.
        has_tokens: Whether the second dimension is that of the tokens.
        value: The plain value.
    """

    shape: tuple[int, ...] = ()
    dtype: torch.dtype | None = None
    order: tuple[int, ...] = ()
    has_tokens: bool = False
    value: Any = None

    @classmethod
    def of(cls, value: Any, tokens: int) -> "Leaf":
        """The looks of `value`, which was made of `EXAMPLES` samples of `tokens` tokens."""
        if not torch.is_tensor(value):
            return cls(value=value)
        order = sorted(range(value.ndim), key=value.stride, reverse=True)
        has_tokens = value.ndim > 1 and value.shape[1] == tokens
        return cls(tuple(value.shape), value.dtype, tuple(order), has_tokens)

    @property
    def is_per_sample(self) -> bool:
        """Whether the first dimension is that of the samples, or one for all of them."""
        return bool(self.shape) and self.shape[0] in (1, EXAMPLES)

    def placeholder(self, sizes: Sizes, device: torch.device) -> Any:
        """A tensor of these looks whose every element is the same one, not a number where it can be."""
        if self.dtype is None:
            return self.value
        shape = list(self.shape)
        if shape and shape[0] % EXAMPLES == 0:
            shape[0] = shape[0] // EXAMPLES * sizes.samples
        if self.has_tokens:
            shape[1] = sizes.tokens
        fill = torch.nan if self.dtype.is_floating_point or self.dtype.is_complex else 0
        return torch.full((), fill, dtype=self.dtype, device=device).expand(shape)

    def laid_out(self, value: Tensor | None) -> Any:
        """A copy of `value` that lies in memory as this did, which the choice of kernels hangs on."""
        if value is None:
            return self.value
        copy = torch.empty_permuted(value.shape, self.order, dtype=value.dtype, device=value.device)
        return copy.copy_(value)
