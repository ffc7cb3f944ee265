r"""Temperature scaling: how sure a classifier is, put right by one number.

Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017, arXiv 1706.04599: logits are divided by a
temperature T that minimises the mean negative log-likelihood of samples that did not train the network.
:math:`z / T` has the order of :math:`z`, so no class changes.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from tlx.errors import TlxError, bad_value

__all__ = ["HIGH", "LOW", "Ended", "Temperature", "best_temperature", "fit_temperature", "likelihood_sums"]

LOW, HIGH = 0.01, 100.0
"""The temperatures between which one is looked for."""

TOLERANCE = 1e-12
"""Of log T: a step of Newton's that is smaller is not taken."""

STEPS = 100
"""At most; bisection alone takes 43."""

FARTHEST = 1e150
"""How far below another a logit of minus infinity is: its probability is 0, and so is what it adds."""

Ended = Literal["minimum", "low", "high", "flat"]


class Temperature(NamedTuple):
    """What a fit of the temperature found.

    Args:
        value: T, in [`LOW`, `HIGH`].
        ended: "minimum": T is the minimiser. "low": the likelihood grows down to `LOW`, as it does without an
            end where every sample is told right. "high": it grows up to `HIGH`, as it does where equal
            probabilities are better than the network's. "flat": all T are equally good, for the logits of
            each sample are equal; T is 1.
    """

    value: float
    ended: Ended


def fit_temperature(logits: Tensor, targets: Tensor) -> Temperature:
    r"""The temperature that minimises the mean negative log-likelihood.

    .. math:: T^* = \arg\min_T \; -\frac1N \sum_n \log \mathrm{softmax}(z_n / T)_{y_n}

    With several answers for each sample, the mean over all of them of
    :math:`-\log \sigma(\pm z_{nk} / T)`: one temperature for all classes.

    Both are convex in :math:`1 / T`, so the minimiser is the one zero of a slope that never falls. It is
    found by Newton's steps in :math:`\log T`, with bisection where they leave the bracket or are slow, until
    one is smaller than :math:`10^{-12}`.

    Args:
        logits: Shape (N, K), before softmax or sigmoid.
        targets: Classes, shape (N,), integers; or answers in {0, 1}, shape (N, K).

    Raises:
        ConfigError: There is no sample, or a logit is NaN, or infinite and no certain "no".

    Two of three are right, so :math:`\sigma(2 / T) = 2 / 3` and :math:`T = 2 / \log 2`; three times the
    logits have three times the temperature:

    >>> z, y = torch.tensor([[2.0, 0.0]] * 3), torch.tensor([0, 0, 1])
    >>> round(fit_temperature(z, y).value, 9) == round(2 / math.log(2), 9)
    True
    >>> round(fit_temperature(3 * z, y).value, 9) == round(6 / math.log(2), 9)
    True
    >>> fit_temperature(z, torch.tensor([0, 0, 0]))
    Temperature(value=0.01, ended='low')
    """
    return best_temperature(lambda sharpness: likelihood_sums(logits, targets, sharpness))


def likelihood_sums(logits: Tensor, targets: Tensor, sharpness: float) -> Tensor:
    r"""Sums over samples, from which those of several parts of them add up.

    With :math:`\beta = 1 / T`, :math:`p = \mathrm{softmax}(\beta z)` and :math:`d_k = z_k - z_y`: the
    negative log-likelihood :math:`\log \sum_k e^{\beta d_k}`, and its derivatives by :math:`\beta`,
    :math:`m = \sum_k p_k d_k` and :math:`\sum_k p_k (d_k - m)^2 \ge 0`.

    Args:
        logits: Shape (N, K).
        targets: Classes, shape (N,), integers; or answers in {0, 1}, shape (N, K), each a choice
            between the logits 0 and z.
        sharpness: :math:`\beta > 0`.

    Returns:
        Shape (4,), float64: how many were summed (N, or N K answers), negative log-likelihood, first and
        second derivative.

    >>> likelihood_sums(torch.tensor([[2.0, 0.0]]), torch.tensor([0]), 0.5).round(decimals=4).tolist()
    [1.0, 0.3133, -0.5379, 0.7864]
    """
    if targets.ndim > 1:
        return _sums_of_answers(logits.double(), targets, sharpness)
    z = logits.double()
    gaps = (z - z.gather(1, targets.long()[:, None])).clamp_(min=-FARTHEST)
    top = gaps.amax(1)
    odds = (gaps - top[:, None]).mul_(sharpness).exp_()  # p, times what is divided by below
    total = odds.sum(1)
    mean = (odds * gaps).sum(1) / total
    spread = (gaps - mean[:, None]).square_().mul_(odds).sum(1) / total
    return _summed(sharpness * top + total.log(), mean, spread)


def _sums_of_answers(z: Tensor, answers: Tensor, sharpness: float) -> Tensor:
    """How far each answer is on its right side decides alone, which is minus the gap of the wrong one."""
    right = torch.where(answers > 0, z, -z).clamp(max=FARTHEST)
    wrong = (-sharpness * right).sigmoid()
    return _summed(-F.logsigmoid(sharpness * right), -right * wrong, right.square() * wrong * (1 - wrong))


def _summed(*values: Tensor) -> Tensor:
    count = values[0].new_tensor(float(values[0].numel()))
    return torch.stack([count, *(value.sum() for value in values)])


def best_temperature(sums_at: Callable[[float], Tensor]) -> Temperature:
    """The minimiser, from the sums of `likelihood_sums` over all samples, wherever they lie.

    On several ranks each gives sums that are reduced over all of them, and all take the same steps.

    Args:
        sums_at: Of a sharpness; called some ten times.

    Raises:
        ConfigError: The sums are of no sample, or not finite.
        TlxError: They are not those of a convex function.
    """
    low, high = -math.log(HIGH), -math.log(LOW)  # of log sharpness
    if _slope(sums_at, high)[0] <= 0:
        flat = _slope(sums_at, low)[0] == 0
        return Temperature(1.0, "flat") if flat else Temperature(LOW, "low")
    if _slope(sums_at, low)[0] >= 0:
        return Temperature(HIGH, "high")
    at, step = 0.0, high - low
    for _ in range(STEPS):
        slope, steepness = _slope(sums_at, at)
        newton = -slope / steepness if steepness > 0 else math.inf
        if abs(newton) < TOLERANCE or high - low < TOLERANCE:
            return Temperature(math.exp(-at), "minimum")
        low, high = (at, high) if slope < 0 else (low, at)
        fast = low < at + newton < high and abs(newton) <= abs(step) / 2
        step = newton if fast else (low + high) / 2 - at
        at += step
    raise TlxError(f"no temperature was found in {STEPS} steps")


def _slope(sums_at: Callable[[float], Tensor], log_sharpness: float) -> tuple[float, float]:
    """The mean derivative by sharpness, and how fast that grows with the sharpness's logarithm."""
    sharpness = math.exp(log_sharpness)
    sums = sums_at(sharpness).tolist()
    if not all(math.isfinite(value) for value in sums):
        raise bad_value("logits", "nan or infinite", "finite numbers")
    count, _, slope, curvature = sums
    if count == 0:
        raise bad_value("samples", 0, "at least one to fit a temperature on")
    return slope / count, sharpness * curvature / count
