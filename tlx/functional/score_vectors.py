r"""Gradients of log-likelihoods with respect to logits, whose squares make a diagonal Fisher information.

With :math:`J_n` the Jacobian of the logits of sample n with respect to the weights, a Fisher of one sample is
:math:`\sum_m (J_n^\top v_m)^2`, elementwise: the estimators differ in their vectors :math:`v_m` alone.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import torch
from torch import Tensor

__all__ = ["Likelihood", "drawn_scores", "exact_scores", "scores"]

Likelihood: TypeAlias = Literal["categorical", "bernoulli", "gaussian"]
"""What logits say: one class of several; each class, yes or no; or numbers with noise of variance 1."""


def scores(logits: Tensor, targets: Tensor, likelihood: Likelihood = "categorical") -> Tensor:
    r"""The gradient of the log-likelihood of targets with respect to logits.

    It is :math:`e_y - p` for a class, :math:`y - p` for answers and :math:`y - f` for numbers.

    >>> scores(torch.zeros(1, 2), torch.tensor([1])).tolist()
    [[-0.5, 0.5]]

    Args:
        logits: Shape (N, C).
        targets: Classes, shape (N,), int64; or answers in {0, 1} or numbers, shape (N, C).
        likelihood: What the logits say.

    Returns:
        Shape (N, C), float64.
    """
    exact = logits.double()
    if likelihood == "categorical":
        return torch.nn.functional.one_hot(targets, logits.shape[1]) - exact.softmax(1)
    return targets.double() - (exact.sigmoid() if likelihood == "bernoulli" else exact)


def exact_scores(logits: Tensor, likelihood: Likelihood = "categorical") -> Iterator[Tensor]:
    r"""Vectors that give the expectation over the model's own labels, without drawing any.

    :math:`\sum_m v_m v_m^\top = \sum_y p_y (e_y - p)(e_y - p)^\top = \mathrm{diag}(p) - p p^\top`. That
    matrix has rank C - 1, and so many vectors suffice: the columns of its Cholesky factor, which has a closed
    form (Tanabe and Sagae 1992, https://doi.org/10.1111/j.2517-6161.1992.tb01875.x). With
    :math:`q_k = \sum_{j \ge k} p_j`,

    .. math:: v_{k,k} = \sqrt{p_k q_{k+1} / q_k}, \qquad v_{k,i} = -v_{k,k} \, p_i / q_{k+1} \quad (i > k).

    Of two classes it is one vector; the textbook's sum over classes takes two.

    >>> (vector,) = exact_scores(torch.zeros(1, 2))
    >>> vector.tolist()
    [[0.5, -0.5]]

    Args:
        logits: Shape (N, C).
        likelihood: What the logits say; of answers and of numbers there are C vectors.

    Yields:
        Shape (N, C), float64.
    """
    exact = logits.double()
    if likelihood == "categorical":
        yield from _cholesky_columns(exact.softmax(1))
        return
    p = exact.sigmoid()
    spread = (p * (1 - p)).sqrt() if likelihood == "bernoulli" else torch.ones_like(exact)
    for number in range(logits.shape[1]):
        vector = torch.zeros_like(exact)
        vector[:, number] = spread[:, number]
        yield vector


def _cholesky_columns(p: Tensor) -> Iterator[Tensor]:
    tails = p.flip(1).cumsum(1).flip(1)
    for k in range(p.shape[1] - 1):
        here, after = tails[:, k], tails[:, k + 1]
        # a tail is 0 only where every probability in it has underflowed: nothing is left to share out
        diagonal = (p[:, k] * after / here.clamp(min=torch.finfo(p.dtype).tiny)).sqrt()
        share = diagonal / after.clamp(min=torch.finfo(p.dtype).tiny)
        vector = -p * share[:, None]
        vector[:, :k] = 0
        vector[:, k] = diagonal
        yield vector


def drawn_scores(logits: Tensor, uniform: Tensor, likelihood: Likelihood = "categorical") -> Iterator[Tensor]:
    r"""Vectors of labels drawn from the model itself, :math:`y \sim p`, each over the root of their number.

    >>> [vector.tolist() for vector in drawn_scores(torch.zeros(1, 2), torch.tensor([[[0.7]]]).double())]
    [[[-0.5, 0.5]]]

    Args:
        logits: Shape (N, C).
        uniform: Numbers in [0, 1) that choose, shape (N, draws, 1) for one class of several, else
            (N, draws, C); float64.
        likelihood: What the logits say.

    Yields:
        Shape (N, C), float64, one for each draw.
    """
    exact, draws = logits.double(), uniform.shape[1]
    for number in range(draws):
        chance = uniform[:, number]
        if likelihood == "categorical":
            bounds = exact.softmax(1).cumsum(1)[:, :-1].contiguous()
            drawn = torch.searchsorted(bounds, chance.contiguous(), right=True).squeeze(1)
            vector = scores(logits, drawn)
        elif likelihood == "bernoulli":
            vector = scores(logits, (chance < exact.sigmoid()).double(), likelihood)
        else:  # never 0 nor 1, whose normal numbers have no end
            vector = torch.special.ndtri(chance * (1 - 2.0**-52) + 2.0**-54)
        yield vector / draws**0.5
