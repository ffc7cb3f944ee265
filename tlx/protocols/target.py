"""What a target holds: counts, balance, and samples that are there twice."""

import numpy as np
from numpy.typing import NDArray

from tlx.data.duplicates import comparable, duplicates_within
from tlx.protocols.advise_result import ClassCount, Target
from tlx.types import Split, Splits

__all__ = ["target_of"]


def target_of(splits: Splits) -> Target:
    """Count.

    Args:
        splits: With one class for each sample.
    """
    train, val, test, classes = splits
    counted = [_counts(split, len(classes)) if split is not None else None for split in (train, val, test)]
    rows = [
        ClassCount(name, int(counted[0][number]), int(counted[1][number]), _of(counted[2], number))  # type: ignore[index]
        for number, name in enumerate(classes)
    ]
    present = [row.train for row in rows if row.train]
    return Target(
        train=len(train),
        val=len(val),
        test=None if test is None else len(test),
        counts=tuple(rows),
        imbalance=max(present) / min(present),
        duplicates=duplicates_within(train) if comparable(train) else None,
    )


def _counts(split: Split, classes: int) -> NDArray[np.int64]:
    return np.bincount(split.labels, minlength=classes)


def _of(counts: NDArray[np.int64] | None, number: int) -> int | None:
    return None if counts is None else int(counts[number])
