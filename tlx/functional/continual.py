"""What a sequence of tasks did to each of them, from one matrix of accuracies.

Everywhere R has a row t = 0..T, after t tasks (row 0: before the first), and a column i = 1..T, a task.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tlx.errors import bad_value

__all__ = ["average_accuracy", "backward_transfer", "forgetting", "forward_transfer"]


def average_accuracy(accuracies: Tensor | Sequence[Sequence[float]]) -> float:
    r"""The mean accuracy on all tasks after the last one.

    .. math:: \frac{1}{T} \sum_{i=1}^{T} R_{T,i}

    Lopez-Paz and Ranzato, *Gradient Episodic Memory for Continual Learning*, 2017, arXiv 1706.08840.

    Args:
        accuracies: R, shape (T + 1, T), in [0, 1]; NaN where it was not measured.

    Returns:
        In [0, 1]; NaN where a value of the last row was not measured.

    Raises:
        ConfigError: R has another shape, or a value is out of its range.

    >>> round(average_accuracy([[0.1, 0.1, 0.1], [0.9, 0.0, 0.0], [0.95, 0.8, 0.0], [0.7, 0.85, 0.9]]), 4)
    0.8167
    """
    return float(_checked(accuracies)[-1].mean())


def backward_transfer(accuracies: Tensor | Sequence[Sequence[float]]) -> float:
    r"""How learning later tasks changed the accuracy on earlier ones; below 0 they were forgotten.

    .. math:: \frac{1}{T-1} \sum_{i=1}^{T-1} (R_{T,i} - R_{i,i})

    Lopez-Paz and Ranzato 2017, arXiv 1706.08840.

    Args:
        accuracies: R, shape (T + 1, T), in [0, 1]; NaN where it was not measured.

    Returns:
        In [-1, 1]; NaN of a single task, after which nothing was learnt, and where a value that it
        is made of was not measured.

    Raises:
        ConfigError: R has another shape, or a value is out of its range.

    >>> round(backward_transfer([[0.1, 0.1, 0.1], [0.9, 0.0, 0.0], [0.95, 0.8, 0.0], [0.7, 0.85, 0.9]]), 4)
    -0.075
    >>> backward_transfer([[0.1], [0.9]])
    nan
    """
    matrix = _checked(accuracies)
    return float((matrix[-1] - matrix[1:].diagonal())[:-1].mean())


def forward_transfer(accuracies: Tensor | Sequence[Sequence[float]]) -> float:
    r"""How much better tasks were before they were learnt than before anything was.

    .. math:: \frac{1}{T-1} \sum_{i=2}^{T} (R_{i-1,i} - R_{0,i})

    Lopez-Paz and Ranzato 2017, arXiv 1706.08840. Their :math:`b_i`, the accuracy of random values, is
    row 0: what the weights that the sequence starts from do, be they pre-trained or random. Where each task
    has a head of its own, neither value is of a head that was trained, and the figure says little.

    Args:
        accuracies: R, shape (T + 1, T), in [0, 1]; NaN where it was not measured.

    Returns:
        In [-1, 1]; NaN of a single task, before which nothing was learnt, and where a value that it
        is made of was not measured.

    Raises:
        ConfigError: R has another shape, or a value is out of its range.

    >>> round(forward_transfer([[0.1, 0.1, 0.1], [0.9, 0.2, 0.0], [0.95, 0.8, 0.3], [0.7, 0.85, 0.9]]), 4)
    0.15
    """
    matrix = _checked(accuracies)
    return float((matrix[:-1].diagonal() - matrix[0])[1:].mean())


def forgetting(accuracies: Tensor | Sequence[Sequence[float]]) -> float:
    r"""How far the accuracy on earlier tasks fell from its best since they were learnt.

    .. math:: \frac{1}{T-1} \sum_{i=1}^{T-1} \Bigl(\max_{i \le t < T} R_{t,i} - R_{T,i}\Bigr)

    After Chaudhry, Dokania, Ajanthan and Torr, *Riemannian Walk for Incremental Learning*, 2018,
    arXiv 1801.10112, whose maximum is over all of 1 <= t < T, and so over rows from before the task
    was learnt as well. What was not learnt yet cannot be forgotten: with a head for each task those
    rows are of heads with random values, the best of which may tell more right than what is learnt,
    and a network in which nothing changes would forget. The last row is not in the maximum, so that
    it is below 0 where the last task made earlier ones better than they were since they were learnt.
    It is never less than minus the backward transfer, which compares with the accuracy right after a
    task and not with the best.

    Args:
        accuracies: R, shape (T + 1, T), in [0, 1]; NaN where it was not measured.

    Returns:
        In [-1, 1]; NaN of a single task, after which nothing was learnt, and where the accuracy on
        a task was not measured from the time on when it was learnt.

    Raises:
        ConfigError: R has another shape, or a value is out of its range.

    >>> round(forgetting([[0.1, 0.1, 0.1], [0.9, 0.0, 0.0], [0.95, 0.8, 0.0], [0.7, 0.85, 0.9]]), 4)
    0.1
    """
    matrix = _checked(accuracies)
    learnt, last = matrix[1:-1, :-1], matrix[-1, :-1]
    before = torch.ones_like(learnt).triu(1).bool()
    best = learnt.masked_fill(before, 0.0)
    return float((best.amax(dim=0) - last).mean()) if len(learnt) else float("nan")


def _checked(accuracies: Tensor | Sequence[Sequence[float]]) -> Tensor:
    """R in double precision, shape (T + 1, T)."""
    shaped = "a row after 0, 1 ... T tasks, each with the accuracy on all T >= 1 tasks"
    try:
        matrix = torch.as_tensor(accuracies, dtype=torch.float64)
    except (ValueError, TypeError) as error:
        raise bad_value("accuracies", accuracies, shaped) from error
    if matrix.ndim != 2 or not 1 <= matrix.shape[1] == matrix.shape[0] - 1:
        raise bad_value("accuracies of shape", tuple(matrix.shape), shaped)
    wrong = matrix[(matrix < 0) | (matrix > 1)]
    if len(wrong):
        raise bad_value("accuracies", float(wrong[0]), "shares in [0, 1], or NaN where not measured")
    return matrix
