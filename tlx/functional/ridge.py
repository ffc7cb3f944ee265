"""A linear classifier in closed form, for comparisons that must not depend on an optimizer."""

import torch
from torch import Tensor

from tlx.errors import bad_value

__all__ = ["ridge_classifier"]


def ridge_classifier(features: Tensor, targets: Tensor, strength: float = 1e-2) -> Tensor:
    r"""The weights of a ridge regression onto targets of 1 and 0, or onto numbers.

    :math:`W = (X^\top X + \lambda I)^{-1} X^\top Y` with :math:`X` the features and a column of ones,
    :math:`\lambda` = `strength` times the mean diagonal of :math:`X^\top X` (Hoerl and Kennard 1970,
    https://doi.org/10.1080/00401706.1970.10488634). Computed in double precision; of more features than
    samples by the equivalent system of N equations.

    Args:
        features: Shape (N, D).
        targets: Classes, shape (N,), int64; or answers or numbers, shape (N, K).
        strength: > 0.

    Returns:
        Shape (D + 1, K), float64; predictions of X are `cat([X, ones], 1) @ W`, their argmax a class.

    >>> x = torch.tensor([[0.0], [1.0], [3.0], [4.0]])
    >>> weights = ridge_classifier(x, torch.tensor([0, 0, 1, 1]), 1e-9)
    >>> (torch.cat([x, torch.ones(4, 1)], 1).double() @ weights).argmax(1).tolist()
    [0, 0, 1, 1]
    """
    if not strength > 0:
        raise bad_value("strength", strength, "a number > 0")
    wanted = targets if targets.ndim > 1 else torch.nn.functional.one_hot(targets)
    x = torch.cat([features, features.new_ones(len(features), 1)], dim=1).double()
    y = wanted.double()
    penalty = strength * float((x * x).sum() / x.shape[1]) or strength
    if len(x) < x.shape[1]:
        gram = x @ x.T
        gram.diagonal().add_(penalty)
        dual: Tensor = torch.linalg.solve(gram, y)
        return x.T @ dual
    gram = x.T @ x
    gram.diagonal().add_(penalty)
    weights: Tensor = torch.linalg.solve(gram, x.T @ y)
    return weights
