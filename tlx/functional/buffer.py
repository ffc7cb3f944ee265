"""Which samples of a stream stay in a buffer of fixed size."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["balanced", "reservoir"]


def reservoir(count: int, size: int, seed: int) -> NDArray[np.int64]:
    """Positions of a stream that a reservoir holds at its end, in order.

    Each of the n items seen so far is held with probability size / n (Vitter 1985; for replay
    Chaudhry et al. 2019, arXiv 1902.10486). Every item draws a weight and the greatest stay, which
    is the same law and lets a stream be added to in parts.

    Args:
        count: Items of the stream, >= 0.
        size: Of the buffer, >= 1.
        seed: Draws the weights, >= 0; a longer stream begins with the weights of a shorter one.

    >>> reservoir(3, 5, seed=0).tolist()
    [0, 1, 2]
    >>> len(reservoir(1000, 5, seed=0))
    5
    """
    return _greatest(np.random.default_rng(seed).random(count), size)


def balanced(labels: NDArray[np.integer], size: int, seed: int) -> NDArray[np.int64]:
    """Positions of a buffer with as many of each class as there can be, in order.

    The numbers of two classes differ by at most 1, but where a class has no more samples.

    Args:
        labels: Class of each item of the stream, shape (N,).
        size: Of the buffer, >= 1.
        seed: Draws, >= 0.

    >>> labels = np.array([0] * 50 + [1] * 50 + [2])
    >>> np.bincount(labels[balanced(labels, 9, seed=0)]).tolist()
    [4, 4, 1]
    """
    weights = np.random.default_rng(seed).random(len(labels))
    order = np.lexsort((-weights, labels))
    starts = np.searchsorted(labels[order], labels[order])
    turn = np.empty(len(labels), dtype=np.int64)
    turn[order] = np.arange(len(labels)) - starts  # how many of its class come before a sample
    chosen = np.lexsort((-weights, turn))[:size]
    return np.sort(chosen)


def _greatest(weights: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    if len(weights) <= size:
        return np.arange(len(weights))
    return np.sort(np.argpartition(weights, -size)[-size:])
