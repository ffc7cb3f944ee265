"""Counts that are exact in any order."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["in_any_order"]


@contextmanager
def in_any_order() -> Iterator[None]:
    """Inside, torch may count in any order: whole numbers add up to the same bits in each.

    Where only algorithms that repeat are allowed, torchmetrics counts by comparing every value
    with every bin: with 1000 classes a million comparisons of 8 bytes for each sample.
    """
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
