"""A network in evaluation mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluated"]


@contextmanager
def evaluated(network: nn.Module) -> Iterator[None]:
    """Inside, no part of a network is in training mode; afterwards the same parts are that were before."""
    active = [module for module in network.modules() if module.training]
    for module in active:
        module.training = False
    try:
        yield
    finally:
        for module in active:
            module.training = True
