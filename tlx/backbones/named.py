"""Inputs of either kind as tensors by name, so that all code below is for one kind."""

from collections.abc import Mapping

import torch
from torch import Tensor

from tlx.types import Inputs

__all__ = ["first_and_last", "named", "unnamed"]


def named(inputs: Inputs) -> dict[str, Tensor]:
    """Pictures under `inputs`, each kind of token under `inputs/` and its own name."""
    if torch.is_tensor(inputs):
        return {"inputs": inputs}
    return {f"inputs/{name}": value for name, value in inputs.items()}


def unnamed(by_name: Mapping[str, Tensor]) -> Inputs:
    """The inverse of `named`; what is no input is ignored."""
    if "inputs" in by_name:
        return by_name["inputs"]
    inputs = {name: value for name, value in by_name.items() if name.startswith("inputs/")}
    return {name.removeprefix("inputs/"): value for name, value in inputs.items()}


def first_and_last(inputs: Inputs) -> Inputs:
    """Two samples of a batch; of a batch of one sample, that one twice."""
    return unnamed({name: value[[0, len(value) - 1]] for name, value in named(inputs).items()})
