"""What runs inside a loader's worker: read, prepare, collate."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.utils.data import Dataset, get_worker_info

from tlx.data.offers import of_one_class
from tlx.data.order import Pairs
from tlx.data.reading import Reading
from tlx.errors import DataError, ResourceError, TlxError
from tlx.types import Batch, Inputs, Preprocessing, Split

__all__ = ["Samples", "sample_generator", "targets_of"]


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

    Attributes:
        reading: Where a loading process notes what it reads.

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
        self._at_once = (
            not augment
            and of_one_class(split, "read", "read_together")
            and of_one_class(preprocessing, "prepare", "collate", "prepare_together")
        )
        self.reading = Reading(0)

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
            ids = torch.tensor([index for _, index in pairs])
            batch = Batch(inputs, targets_of(self._split.labels, ids), ids)
            return _shared(batch, inputs) if get_worker_info() is not None else batch
        except TlxError as error:
            return error
        except MemoryError as error:
            if get_worker_info() is None:
                raise
            return ResourceError(f"memory ran out while loading: {error}", fix="fewer data.num_workers")

    def inputs(self, pairs: Pairs) -> Inputs:
        """What a network reads of (epoch, index) pairs.

        Raises:
            TlxError: A sample cannot be read.
        """
        together = self._together(pairs) if self._at_once else None
        if together is not None:
            return together
        prepared = [self._prepared(epoch, max(index, 0)) for epoch, index in pairs]
        self.reading.note()
        return self._preprocessing.collate(prepared)

    def name_read_by(self, worker: int) -> str:
        """What a loading process reads, for people; empty where it reads nothing."""
        index = self.reading.by(worker)
        return "" if index is None else self._split.name(index)

    def _together(self, pairs: Pairs) -> Inputs | None:
        """Images that lie in arrays, in a few calls for all of them.

        None where that cannot be; what cannot be read is left to reading one by one, which names it.
        """
        split: Any = self._split  # of_one_class has found methods that not every split has
        preprocessing: Any = self._preprocessing
        indices = np.array([max(index, 0) for _, index in pairs])
        self.reading.note(int(indices[0]))
        prepared: Inputs | None = None
        try:
            pixels = split.read_together(indices)
            prepared = None if pixels is None else preprocessing.prepare_together(pixels)
        except MemoryError:
            raise
        except Exception:  # reading one by one meets it again, and names the sample
            pass
        self.reading.note()
        self._at_once = prepared is not None
        return prepared

    def _prepared(self, epoch: int, index: int) -> Any:
        self.reading.note(index)
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


def _shared(batch: Batch, inputs: Inputs) -> Batch:
    """The batch in memory that processes share; else torch does it where an error has nobody to go to."""
    several = inputs.values() if isinstance(inputs, dict) else [inputs]
    try:
        for tensor in (*several, batch.targets, batch.ids):
            tensor.share_memory_()
    except (RuntimeError, OSError) as error:
        text = " ".join(str(error).split())
        files = "open files" in text
        raise ResourceError(
            f"loading processes cannot share a batch: {text[:160]}",
            fix=("ulimit -n 4096" if files else "a larger /dev/shm (docker run --shm-size=1g)")
            + ", or data.num_workers=0",
        ) from error
    return batch


_AUGMENTATION = 0x61756765
"""Keeps the stream of augmentation apart from other draws with the same seed."""
