"""How far the values that reach a norm are from those it remembers, and whether another input is nearer."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.paired_test import paired_p

__all__ = ["Moments", "Nearer", "nearer", "norm_drift"]


class Moments(NamedTuple):
    """Of each sample, over its positions, by channel: both of shape (N, C)."""

    first: Tensor
    """Means of the values."""
    second: Tensor
    """Means of their squares."""


class Nearer(NamedTuple):
    """What another input does to the drift."""

    ratio: float
    """The drift as it is, divided by that of the other input; above 1 where the other is nearer."""
    p: float
    """Of finding that much where the other is no nearer; one-sided, of this comparison alone."""


def norm_drift(moments: Moments, mean: Tensor, variance: Tensor, eps: float = 1e-5) -> Tensor:
    r"""Distance of a batch's statistics from the running ones of a BatchNorm, averaged over channels.

    .. math:: \frac1C \sum_c \frac{2 (\mu_c - m_c)^2}{\sigma_c^2 + s_c^2} + \ln^2 \frac{\sigma_c}{s_c}

    of :math:`\mu, \sigma` in the batch and m, s remembered: 0 where they agree, symmetric, and as bad for
    values that vary too little as for such that vary too much.

    Args:
        moments: Of the values that reach the norm, N >= 1; leading axes before (N, C) are kept.
        mean: Running means, shape (C,).
        variance: Running variances, shape (C,).
        eps: Added to both variances, > 0.

    Returns:
        Shape () or that of the leading axes.

    >>> zero, one = torch.zeros(1), torch.ones(1)
    >>> norm_drift(Moments(torch.tensor([[1.0]]), torch.tensor([[2.0]])), zero, one, 1e-12).item()
    1.0
    """
    return _drift(moments.first.mean(dim=-2), moments.second.mean(dim=-2), mean, variance, eps)


def nearer(given: Moments, other: Moments, mean: Tensor, variance: Tensor, eps: float = 1e-5) -> Nearer:
    r"""Whether another input of the same samples is nearer to what a BatchNorm remembers.

    The logarithm of the ratio of both drifts, with the jackknife's pseudo-values over samples (Tukey 1958;
    Miller, *The Jackknife - A Review*, Biometrika 1974) and a one-sided t-test of their mean.

    Args:
        given: Of the samples as they are, N >= 3.
        other: Of the same samples, otherwise prepared.
        mean: Running means, shape (C,).
        variance: Running variances, shape (C,).
        eps: Added to variances, > 0.

    Raises:
        ConfigError: There are fewer than three samples, or not the same number of both.
    """
    count = len(given.first)
    if count < 3 or len(other.first) != count:
        raise bad_value("samples", (count, len(other.first)), "the same number of both, and at least 3")
    whole = [norm_drift(each, mean, variance, eps) for each in (given, other)]
    without = [_left_out(each, mean, variance, eps) for each in (given, other)]
    tiny = torch.finfo(whole[0].dtype).tiny
    total = (whole[0] + tiny).log() - (whole[1] + tiny).log()
    parts = (without[0] + tiny).log() - (without[1] + tiny).log()
    pseudo = count * total - (count - 1) * parts
    return Nearer(math.exp(float(total)), paired_p(pseudo))


def _left_out(moments: Moments, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """The drift without each of the samples in turn, shape (N,)."""
    count = len(moments.first)
    first, second = ((each.sum(dim=0) - each) / (count - 1) for each in moments)
    return _drift(first, second, mean, variance, eps)


def _drift(first: Tensor, second: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    found, known = (second - first.square()).clamp_min(0) + eps, variance + eps
    places = 2 * (first - mean).square() / (found + known)
    return (places + (found / known).log().square() / 4).mean(dim=-1)
