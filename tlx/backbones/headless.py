"""A network of somebody's without its last layer."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tlx.errors import ConfigError
from tlx.types import Inputs

__all__ = ["Headless", "call"]


class Headless(nn.Module):
    """What the last layer of a network reads, as the output of a network.

    The layer is taken out, and with it layers that come after it; whatever else the network does
    with what it gave (a softmax) still runs and is thrown away.

    Args:
        module: The network.
        head: Dotted name of its last layer; None: what the network returns is taken.
        later: Dotted names of layers that are called only after it.
    """

    def __init__(self, module: nn.Module, head: str | None, later: Sequence[str] = ()) -> None:
        super().__init__()
        self.module = module
        self.head = head
        for name in later:
            _replace(module, name, nn.Identity())
        if head is not None:
            _replace(module, head, _Tap())

    def forward(self, inputs: Inputs) -> Tensor:
        """Features, shape (B, D) or (B, D, H, W)."""
        output: Tensor = call(self.module, inputs)
        if self.head is None:
            return output
        tap: Any = self.module.get_submodule(self.head)
        taken: Tensor = tap.taken
        tap.taken = None
        return taken


class _Tap(nn.Module):
    """Hands on what it gets, and keeps it until it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: Tensor | None = None

    def forward(self, inputs: Tensor, *rest: Any, **more: Any) -> Tensor:
        self.taken = inputs
        return inputs


def _replace(module: nn.Module, name: str, other: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(parent), leaf, other)


def call(module: nn.Module, inputs: Inputs) -> Any:
    """Run a network on pictures, or on tokens under the names that its `forward` has for them.

    Of `input_ids` and `attention_mask` those that `forward` names are given by name; where it
    names neither, they are given in this order, as many as it takes.

    Args:
        module: The network.
        inputs: Shape (B, C, H, W), or named token tensors, each of shape (B, T).
    """
    if torch.is_tensor(inputs):
        return module(inputs)
    taken = inspect.signature(module.forward).parameters
    kinds = {parameter.kind for parameter in taken.values()}
    named = {name: tensor for name, tensor in inputs.items() if name in taken}
    if named or inspect.Parameter.VAR_KEYWORD in kinds:
        return module(**(named or inputs))
    if not taken:
        raise ConfigError(f"{type(module).__name__}.forward takes no inputs")
    return module(*list(inputs.values())[: len(taken)])
