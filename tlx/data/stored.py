"""Batches of what was computed before, in place of samples that are read and prepared."""

from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from tlx.data.order import Pairs
from tlx.data.samples import targets_of
from tlx.types import Batch, FrontierValues

__all__ = ["Chosen", "Stored", "StoredSamples"]


class Stored(Protocol):
    """Rows of values that stand for samples."""

    frontier: int  # how many stages of the backbone are behind them

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """The values of rows, shape (B,), int64."""
        ...


class Chosen:
    """Some of the rows, in an order of their own.

    Args:
        stored: All of them.
        indices: Which ones, shape (n,), int64.
    """

    def __init__(self, stored: Stored, indices: Tensor) -> None:
        self.frontier, self._stored, self._indices = stored.frontier, stored, indices

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """The values of rows among the chosen, shape (B,), int64."""
        return self._stored.take(self._indices[rows])


class StoredSamples(Dataset[Batch]):
    """A split whose inputs are rows of stored values.

    Args:
        stored: The rows; those of variation v of sample i lie at v N + i.
        labels: Of the N samples, as a split has them.
        views: Variations of each sample: epoch e reads variation e modulo `views`, >= 1.
    """

    def __init__(self, stored: Stored, labels: NDArray[Any], views: int = 1) -> None:
        self._stored, self._labels, self._views = stored, labels, views

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, pair: tuple[int, int]) -> Batch:
        return self.__getitems__([pair])

    def __getitems__(self, pairs: Pairs) -> Batch:
        """The batch of (epoch, index) pairs; PADDING reads sample 0 in its place."""
        epochs, ids = torch.tensor(pairs).T
        rows = epochs % self._views * len(self) + ids.clamp(min=0)
        values = FrontierValues(self._stored.frontier, self._stored.take(rows))
        return Batch(values, targets_of(self._labels, ids), ids)
