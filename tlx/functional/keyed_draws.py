"""Random numbers by the position of a sample: the same in any batch, order or process."""

import torch
from torch import Tensor

__all__ = ["keyed_uniform"]

GOLDEN = -7046029254386353131
"""0x9E3779B97F4A7C15, the odd whole number nearest to 2^64 over the golden ratio, as int64."""
FIRST, SECOND = -4658895280553007687, -7723592293110705685
"""0xBF58476D1CE4E5B9 and 0x94D049BB133111EB, the multipliers of splitmix64, as int64."""


def keyed_uniform(key: int, indices: Tensor, draws: int) -> Tensor:
    """Uniform numbers in [0, 1), pure in the key, the index and the number of the draw.

    Twice splitmix64 (Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195), over the index
    and over the draw: no state is handed on, so a sample's numbers do not depend on its batch.

    >>> whole = keyed_uniform(1, torch.arange(4), 2)
    >>> torch.equal(whole[2:], keyed_uniform(1, torch.tensor([2, 3]), 2))
    True

    Args:
        key: Any number of 64 bits, such as a seed.
        indices: Positions of samples, shape (N,), int64.
        draws: Numbers per sample, >= 1.

    Returns:
        Shape (N, draws), float64, on the device of `indices`.
    """
    row = _mixed(key + _mixed(indices * GOLDEN))[:, None]
    column = torch.arange(1, draws + 1, device=indices.device) * GOLDEN
    bits = _shifted(_mixed(row + column), 11)
    return bits.double() * 2.0**-53


def _mixed(bits: Tensor) -> Tensor:
    bits = (bits ^ _shifted(bits, 30)) * FIRST
    bits = (bits ^ _shifted(bits, 27)) * SECOND
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, places: int) -> Tensor:
    """To the right with zeros from the left; that of int64 repeats the sign."""
    return (bits >> places) & ((1 << (64 - places)) - 1)
