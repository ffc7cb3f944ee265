"""Mixed samples."""

import torch
from torch import Tensor

__all__ = ["draw_share", "mix"]


def draw_share(alpha: float) -> float:
    r"""A share :math:`\lambda \sim \text{Beta}(\alpha, \alpha)` from torch's global state, in [0, 1].

    Args:
        alpha: >= 0.01, where shares are nearly all 0 or 1; below, the draw loses its precision.
    """
    exact = torch.tensor(alpha, dtype=torch.float64)
    return float(torch.distributions.Beta(exact, exact).sample())


def mix(inputs: Tensor, partners: Tensor, share: float) -> Tensor:
    r"""Each sample with its partner, :math:`\lambda x_i + (1 - \lambda) x_{\pi(i)}`.

    Zhang et al. 2018, arXiv 1710.09412. One share serves the whole batch, as in the authors' code.

    Args:
        inputs: Shape (B, ...).
        partners: A permutation, shape (B,).
        share: In [0, 1].

    >>> mix(torch.tensor([[0.0], [4.0]]), torch.tensor([1, 0]), 0.75).flatten().tolist()
    [1.0, 3.0]
    """
    return share * inputs + (1 - share) * inputs[partners]
