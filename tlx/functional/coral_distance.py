r"""How far the covariances of two domains are apart: the loss of Deep CORAL as a distance.

.. math:: \frac{\|C_s - C_t\|_F^2}{4 D^2}

Sun and Saenko 2016, https://arxiv.org/abs/1607.01719, as printed: covariances over N - 1 and no term of the
means, which some implementations add.
"""

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.gaussian import Gaussian, gaussian_of_features

__all__ = ["coral_distance"]


def coral_distance(source: Tensor | Gaussian, target: Tensor | Gaussian) -> float:
    r"""The CORAL distance of two domains, in double precision.

    It is biased upwards at small N: covariances of two samples of one domain differ too. And it goes with
    the fourth power of the features' scale.

    >>> ones = torch.tensor([[1.0], [-1.0]])
    >>> coral_distance(ones, 2 * ones)  # variances of 2 and 8
    9.0

    Args:
        source: Features, shape (N, D), N >= 2; or their moments.
        target: Features, shape (M, D), M >= 2; or their moments.

    Returns:
        A number >= 0.

    Raises:
        ConfigError: The shapes do not fit.
        NumericalError: A value is not finite.
    """
    first, second = _covariance(source), _covariance(target)
    if first.shape != second.shape:
        raise bad_value("dimensions of source and target", (len(first), len(second)), "the same number")
    return float((first - second).square().sum()) / (4 * len(first) ** 2)


def _covariance(domain: Tensor | Gaussian) -> Tensor:
    gaussian = domain if isinstance(domain, Gaussian) else gaussian_of_features(domain)
    if gaussian.covariance is not None:
        return gaussian.covariance
    root = gaussian.root()
    return torch.mm(root.T, root)
