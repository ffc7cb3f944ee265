"""What a target holds: counts, balance, and samples that are there twice."""

from collections.abc import Sequence

import numpy as np

from tlx.data.duplicates import comparable, duplicates_within
from tlx.protocols.results.advise import ClassCount, Target
from tlx.types import Split, Splits

__all__ = ["target_of"]


def target_of(splits: Splits) -> Target:
    """Count.

    Args:
        splits: With one class for each sample.
    """
    train, val, test, classes = splits
    of_train, of_val = _counts(train, classes), _counts(val, classes)
    of_test = [None] * len(classes) if test is None else _counts(test, classes)
    rows = zip(classes, of_train, of_val, of_test, strict=True)
    present = [count for count in of_train if count]
    return Target(
        train=len(train),
        val=len(val),
        test=None if test is None else len(test),
        counts=tuple(ClassCount(*row) for row in rows),
        imbalance=max(present) / min(present),
        duplicates=duplicates_within(train) if comparable(train) else None,
    )


def _counts(split: Split, classes: Sequence[str]) -> list[int]:
    counts: list[int] = np.bincount(split.labels, minlength=len(classes)).tolist()
    return counts
