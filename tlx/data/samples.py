"""What runs inside a loader's worker: read, prepare, collate; and how its failures come out."""

import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

from tlx.data.order import Pairs
from tlx.errors import DataError, DistributedError, TlxError
from tlx.types import Batch, Inputs, Preprocessing, Split

__all__ = ["Loader", "Samples", "sample_generator", "targets_of"]


def sample_generator(seed: int, epoch: int, index: int) -> Generator:
    """The random numbers of one sample in one epoch; the global state is not touched.

    >>> a, b = sample_generator(0, 3, 7), sample_generator(0, 3, 7)
    >>> bool(torch.equal(torch.rand(2, generator=a), torch.rand(2, generator=b)))
    True
    """
    word = np.random.SeedSequence((_AUGMENTATION, seed, epoch, index)).generate_state(1, np.uint32)[0]
    return Generator().manual_seed(int(word))


class Samples(Dataset[Batch | TlxError]):
    """A split, read a batch at a time.

    Args:
        split: Where samples come from.
        preprocessing: What turns them into inputs.
        augment: Whether samples vary from epoch to epoch.
        flip: Whether a mirrored sample still belongs to its class.
        seed: Of the variation.
        views: Variations of each sample that there are, epoch e using e modulo `views`; None: no two
            epochs have the same.
    """

    def __init__(
        self,
        split: Split,
        preprocessing: Preprocessing,
        *,
        augment: bool,
        flip: bool,
        seed: int,
        views: int | None = None,
    ) -> None:
        self._split, self._preprocessing = split, preprocessing
        self._augment, self._flip, self._seed, self._views = augment, flip, seed, views

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, pair: tuple[int, int]) -> Batch | TlxError:
        return self.__getitems__([pair])

    def __getitems__(self, pairs: Pairs) -> Batch | TlxError:
        """The batch of (epoch, index) pairs; PADDING reads sample 0 and its label in its place.

        An error is returned, not raised, because a loader rebuilds what its worker raised
        from the text of its traceback.
        """
        try:
            inputs = self.inputs(pairs)
        except TlxError as error:
            return error
        ids = torch.tensor([index for _, index in pairs])
        return Batch(inputs, targets_of(self._split.labels, ids), ids)

    def inputs(self, pairs: Pairs) -> Inputs:
        """What a network reads of (epoch, index) pairs.

        Raises:
            TlxError: A sample cannot be read.
        """
        return self._preprocessing.collate([self._prepared(epoch, max(index, 0)) for epoch, index in pairs])

    def _prepared(self, epoch: int, index: int) -> Any:
        try:
            sample = self._split.read(index)
            if self._augment:
                view = epoch if self._views is None else epoch % self._views
                generator = sample_generator(self._seed, view, index)
                return self._preprocessing.augment(sample, generator, self._flip)
            return self._preprocessing.prepare(sample)
        except (TlxError, MemoryError):
            raise
        except Exception as error:
            raise DataError(
                f"cannot read {self._split.name(index)}: {type(error).__name__}: {error}",
                fix="repair or remove it",
            ) from error


def targets_of(labels: NDArray[Any], ids: Tensor) -> Tensor:
    """The targets of a batch; a filler has those of sample 0.

    Args:
        labels: As a split has them, first axis N.
        ids: Positions, shape (B,), int64; PADDING where a sample only fills up.
    """
    targets = torch.from_numpy(labels[ids.clamp(min=0).numpy()])
    return targets.long() if targets.ndim == 1 else targets.float()


class Loader(DataLoader[Any]):
    """A DataLoader that raises what its workers found, in one line.

    Raises:
        DataError: A sample cannot be read.
        DistributedError: A worker process died.
    """

    def __iter__(self) -> Any:
        return _raising(super().__iter__())


def leave_signals_to_the_parent(worker: int) -> None:
    """Let the main process decide what an interrupt means; who asks a worker to end ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raising(batches: Iterator[Batch | TlxError]) -> Iterator[Batch]:
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise DistributedError(
                f"a process that loads data died: {str(error).splitlines()[0]}",
                fix="data.num_workers=0 to see why; more memory or a larger /dev/shm",
            ) from error
        if isinstance(batch, TlxError):
            raise batch
        yield batch


_AUGMENTATION = 0x61756765
"""Keeps the stream of augmentation apart from other draws with the same seed."""
