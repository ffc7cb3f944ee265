"""Which samples make a batch: pure functions of seed, epoch and offset.

Nothing is remembered between batches, so a resumed run needs only its position to go on
with the same stream, in any number of worker processes and on any number of ranks.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from tlx.errors import DataError, bad_value
from tlx.types import PADDING

__all__ = [
    "EpochBatches",
    "EvaluationBatches",
    "FillBatches",
    "Pairs",
    "batches_in_epoch",
    "check_share",
    "random_order",
]

Pairs = list[tuple[int, int]]
"""A batch to read: (epoch, index) per sample."""


def random_order(length: int, *key: int) -> NDArray[np.int64]:
    """A permutation of `length` indices, a pure function of `key`.

    The order that sorts random bits, one 64-bit word per index, drawn from a Philox generator
    (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405) seeded with `key`. NumPy
    keeps that bit stream across versions, which it does not promise for its own
    `permutation`. A word's low bits give way to the index, so that one sort in place is
    enough; words equal above them, some 45 pairs among ten million, stay in index order.

    Ten million indices took 1.6 s on a busy core and 230 MB while drawing, 80 MB after.

    Args:
        length: N, >= 0.
        *key: Whole numbers >= 0; any other key gives an unrelated order.

    Returns:
        Shape (N,), int64.
    """
    words = np.random.Philox(np.random.SeedSequence(key)).random_raw(length).astype(np.uint64, copy=False)
    low = np.uint64((1 << max(length - 1, 0).bit_length()) - 1)
    words &= ~low
    words |= np.arange(length, dtype=np.uint64)
    words.sort()
    words &= low
    return words.view(np.int64)


def batches_in_epoch(length: int, batch_size: int) -> int:
    """How many global batches a training epoch has, see `EpochBatches`.

    >>> [batches_in_epoch(length, 4) for length in (1, 4, 5, 6, 9)]
    [1, 1, 1, 2, 2]
    """
    whole, rest = divmod(length, batch_size)
    joins = rest == 0 or (rest == 1 and whole > 0)
    return whole if joins else whole + 1


class EpochBatches(Sampler[Pairs]):
    """The training batches of one rank, from the run's position to the end of its epoch.

    Epoch e runs over `random_order(length, seed, e)` in global batches of `batch_size`. The
    last one may be short; a single sample, of which batch normalisation makes nothing, joins
    the batch before. Rank r takes the r-th of `world_size` equal, contiguous shares of
    each global batch, so that the ranks together read what one process would. With more
    than one rank a batch that does not divide, or would leave a rank a single sample of its
    several, is filled from the start of the epoch's order.
    Holds one permutation while an epoch is read: 8 bytes a sample.

    Args:
        length: Samples in the training split, >= 1.
        batch_size: Samples in a batch over all ranks; a multiple of `world_size`.
        seed: Whole number >= 0.
        rank: This process, in [0, world_size).
        world_size: Processes that train together, >= 1.
        position: Global batches processed so far in the whole run; read when an iterator is
            made.

    Raises:
        DataError: There are no samples.
        ConfigError: A value is out of its range, or the batch does not divide by the ranks.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        position: Callable[[], int] = int,
    ) -> None:
        _check(length, batch_size, rank, world_size)
        if seed < 0:
            raise bad_value("seed", seed, "a whole number >= 0")
        self._length, self._batch_size, self._seed = length, batch_size, seed
        self._rank, self._world_size, self._position = rank, world_size, position

    def __len__(self) -> int:
        """Batches in a whole epoch, wherever the run stands."""
        return batches_in_epoch(self._length, self._batch_size)

    def __iter__(self) -> Iterator[Pairs]:
        epoch, offset = divmod(self._position(), len(self))
        return self._from(epoch, offset)

    def _from(self, epoch: int, offset: int) -> Iterator[Pairs]:
        order = random_order(self._length, _ORDER, self._seed, epoch)
        for batch in range(offset, len(self)):
            end = None if batch == len(self) - 1 else (batch + 1) * self._batch_size
            indices = order[batch * self._batch_size : end]
            missing = self._missing(len(indices))
            if missing:
                indices = np.concatenate([indices, np.resize(order[:missing], missing)])
            share = np.split(indices, self._world_size)[self._rank]
            yield [(epoch, int(index)) for index in share]

    def _missing(self, count: int) -> int:
        """Samples that a batch lacks for equal shares of at least two, where whole ones have as many."""
        if self._world_size == 1:
            return 0
        least = min(2, self._batch_size // self._world_size) * self._world_size
        return max(-(-count // self._world_size) * self._world_size, least) - count


class EvaluationBatches(Sampler[Pairs]):
    """The samples of a split in index order, each once over all ranks.

    The last batch of several is filled with PADDING, so that all are of one shape and a sample's
    bits do not depend on how many come after it; of one batch alone just what the ranks need to have
    equal shares. Fillers are never counted.

    Args:
        length: Samples in the split, >= 1.
        batch_size: Samples in a batch over all ranks; a multiple of `world_size`.
        rank: This process, in [0, world_size).
        world_size: Processes that evaluate together, >= 1.

    Raises:
        DataError: There are no samples.
        ConfigError: A value is out of its range, or the batch does not divide by the ranks.
    """

    def __init__(self, length: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        _check(length, batch_size, rank, world_size, "eval_batch_size")
        self._length, self._batch_size = length, batch_size
        self._rank, self._world_size = rank, world_size

    def __len__(self) -> int:
        return math.ceil(self._length / self._batch_size)

    def __iter__(self) -> Iterator[Pairs]:
        share = math.ceil(min(self._batch_size, self._length) / self._world_size)
        for start in range(0, self._length, self._batch_size):
            yield _padded(0, start + self._rank * share, share, self._length)


class FillBatches(Sampler[Pairs]):
    """Blocks of a split in index order, of one shape, of which some are asked for.

    On one rank they are the batches of `EvaluationBatches`, view after view.

    Args:
        length: Samples in the split, N >= 1.
        batch_size: Samples in a block; a block of fewer than that there are of N at all is filled
            with PADDING.
        blocks: Numbers of the blocks to make, each in [0, views * blocks_of(N, batch_size)).
    """

    def __init__(self, length: int, batch_size: int, blocks: Sequence[int]) -> None:
        _check(length, batch_size, 0, 1)
        self._length, self._size, self._blocks = length, min(batch_size, length), blocks

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[Pairs]:
        for block in self._blocks:
            view, number = divmod(block, math.ceil(self._length / self._size))
            yield _padded(view, number * self._size, self._size, self._length)


def _padded(epoch: int, first: int, count: int, length: int) -> Pairs:
    return [(epoch, index if index < length else PADDING) for index in range(first, first + count)]


_ORDER = 0x6F72646572
"""Keeps the stream of orders apart from other draws with the same seed."""


def check_share(name: str, batch_size: int, world_size: int, node: str = "data") -> None:
    """Refuse a batch that does not divide by the ranks.

    Args:
        name: The key that sets it.
        batch_size: Samples in a batch over all ranks, >= 1.
        world_size: Processes that share it, >= 1.
        node: Where the key stands, `data` or `source`.

    Raises:
        ConfigError: With the next size that does.
    """
    if batch_size % world_size:
        better = math.ceil(batch_size / world_size) * world_size
        raise bad_value(
            f"{node}.{name}",
            batch_size,
            f"a multiple of the {world_size} ranks that share it",
            f"{node}.{name}={better}",
        )


def _check(length: int, batch_size: int, rank: int, world_size: int, name: str = "batch_size") -> None:
    if length < 1:
        raise DataError("the split has no samples", fix="check the path and the split's name")
    if batch_size < 1:
        raise bad_value(name, batch_size, "a whole number >= 1")
    if not 0 <= rank < world_size:
        raise bad_value("rank", rank, f"a whole number in [0, {world_size})")
    check_share(name, batch_size, world_size)
