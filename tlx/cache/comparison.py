"""Whether stored values are what the network gives, told from a few rows."""

import numpy as np
import torch
from torch import Tensor

__all__ = ["alike", "spread"]

CHECKED = 4
"""Rows whose stored values are held against the network itself each time."""
FINE, COARSE = 1e-4, 0.05
"""Greatest difference of features, relative to the greatest feature: in single and in half precision."""


def spread(rows: int, name: str) -> list[int]:
    """The first row, the last, and others that an address draws."""
    drawn = np.random.default_rng(int(name, 16)).integers(rows, size=CHECKED - 2).tolist()
    return [0, *drawn, rows - 1][: max(rows, 1)]


def alike(whole: Tensor, stored: Tensor) -> bool:
    """Equal but for what other batch sizes do to the last bits."""
    allowed = (FINE if stored.dtype == torch.float32 else COARSE) * max(float(whole.abs().max()), 1e-6)
    return whole.shape == stored.shape and bool((whole.float() - stored.float()).abs().max() <= allowed)
