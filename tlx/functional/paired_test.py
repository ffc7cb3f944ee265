"""Whether a mean of differences lies above 0."""

import math

import torch  # noqa: F401  # for the example
from torch import Tensor

from tlx.errors import bad_value

__all__ = ["paired_p"]


def paired_p(differences: Tensor) -> float:
    """The p-value of a one-sided paired t-test: a mean above 0 where there is none (Student 1908).

    Args:
        differences: One for each sample, shape (N,), N >= 3.

    Raises:
        ConfigError: There are fewer than three.

    >>> round(paired_p(torch.tensor([1.0, 2.0, 3.0])), 4)
    0.0371
    """
    count = len(differences)
    if count < 3:
        raise bad_value("differences", count, "at least 3")
    mean, error = float(differences.double().mean()), float(differences.double().std()) / math.sqrt(count)
    if error == 0:
        return 0.0 if mean > 0 else 1.0
    from scipy.special import stdtr  # slow to import

    return float(stdtr(count - 1, -mean / error))
