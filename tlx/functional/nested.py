"""Samples in nested tuples, lists and dictionaries of tensors, each with the samples along its first axis."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch  # noqa: F401  # for the examples
from torch import Tensor

from tlx.errors import bad_value

__all__ = ["ordinary", "replaced", "sample_count", "samples", "tensors"]


def tensors(nested: Any) -> list[Tensor]:
    """Every tensor in it, in the order of the nesting; anything else is passed over.

    >>> [t.tolist() for t in tensors({"ids": torch.tensor([1, 2]), "more": (torch.tensor([3, 4]), None)})]
    [[1, 2], [3, 4]]
    """
    if isinstance(nested, Tensor):
        return [nested]
    if isinstance(nested, Mapping):
        return [found for value in nested.values() for found in tensors(value)]
    if isinstance(nested, Sequence) and not isinstance(nested, str | bytes):
        return [found for value in nested for found in tensors(value)]
    return []


def replaced(nested: Any, new: Sequence[Tensor]) -> Any:
    """The same nesting with other tensors.

    >>> replaced([torch.zeros(2), "left as it is"], [torch.tensor([7])])
    [tensor([7]), 'left as it is']

    Args:
        nested: Tuples, named tuples, lists and mappings; a mapping comes back as a dictionary.
        new: As many tensors as `tensors` finds, in that order.
    """
    return _replaced(nested, list(new))


def _replaced(nested: Any, left: list[Tensor]) -> Any:
    if isinstance(nested, Tensor):
        return left.pop(0)
    if isinstance(nested, Mapping):
        return {key: _replaced(value, left) for key, value in nested.items()}
    if isinstance(nested, Sequence) and not isinstance(nested, str | bytes):
        values = [_replaced(value, left) for value in nested]
        if isinstance(nested, tuple) and hasattr(nested, "_fields"):
            return type(nested)(*values)
        return tuple(values) if isinstance(nested, tuple) else values
    return nested


def sample_count(nested: Any) -> int:
    """How many samples it holds.

    Raises:
        ConfigError: There is no tensor, or their first axes differ in length.
    """
    counts = {len(tensor) if tensor.ndim else 0 for tensor in tensors(nested)}
    if len(counts) != 1 or counts == {0}:
        raise bad_value("inputs", sorted(counts), "tensors with the same samples along their first axis")
    return counts.pop()


def samples(nested: Any, which: slice | Tensor) -> Any:
    """Some of the samples, in the same nesting.

    >>> samples((torch.tensor([5, 6, 7]), None), slice(1, 3))
    (tensor([6, 7]), None)
    """
    return replaced(nested, [tensor[which] for tensor in tensors(nested)])


def ordinary(nested: Any) -> Any:
    """Copies in place of tensors made in inference mode, which no backward pass may save."""
    return replaced(nested, [t.clone() if t.is_inference() else t for t in tensors(nested)])
