"""Whether the splits hold their labels in the same shares."""

import numpy as np

from tlx.functional.label_shift import LabelShift, label_shift, number_shift
from tlx.inspection.finding import Finding
from tlx.types import Split, Splits, Targets

__all__ = ["label_shifts"]

LEVEL = 0.01
"""Of all comparisons of a data set together."""
TINY = 0.05
"""Shares that have to be moved, at least, to be told."""
TINY_NUMBERS = 0.1
SHOWN = 3
DRAWN = (
    "splits drawn alike from every class (data.val_fraction, data.test_fraction); or, where what is to come "
    "is like that, figures by class (monitor=val/f1)"
)
ALIKE = "splits drawn at random; or, where what is to come is like that, figures by range of the number"


def label_shifts(splits: Splits, targets: Targets) -> list[Finding]:
    """Compare validation and test with training: a finding each.

    A shift is told where it is significant (0.01, divided by the number of comparisons) and not tiny: a total
    variation distance of 0.05, or 0.1 between the cumulative shares of numbers.

    Args:
        splits: With labels.
        targets: What the labels are; of several classes or numbers each is a comparison of its own.
    """
    others = [(name, each) for name, each in (("val", splits.val), ("test", splits.test)) if each is not None]
    compared = [(name, _compared(splits, each, targets)) for name, each in others]
    tests = sum(len(found) for _, found in compared)
    return [_finding(name, found, tests, targets) for name, found in compared]


def _compared(splits: Splits, other: Split, targets: Targets) -> list[tuple[str, LabelShift]]:
    train = splits.train.labels
    if targets == "class":
        count = len(splits.classes)
        counted, others = (np.bincount(labels, minlength=count) for labels in (train, other.labels))
        return [("", label_shift(counted, others))]
    found = []
    for place, name in enumerate(splits.classes):
        columns = train[:, place], other.labels[:, place]
        if targets == "numbers":
            found.append((name, number_shift(*columns)))
        else:
            held, asked = (np.bincount(column.astype(np.int64), minlength=2) for column in columns)
            found.append((name, label_shift(held, asked)))
    return found


def _finding(split: str, found: list[tuple[str, LabelShift]], tests: int, targets: Targets) -> Finding:
    least = TINY_NUMBERS if targets == "numbers" else TINY
    shifted = [pair for pair in found if pair[1].p * tests < LEVEL and pair[1].distance >= least]
    if not shifted:
        most = max(found, key=lambda pair: pair[1].distance)
        far = f"; the farthest is {most[0]}" if most[0] and len(found) > 1 else ""
        return Finding(
            "ok",
            f"{split}: labels in the shares of train, as far as can be told ({_said(most[1], False)}){far}",
        )
    shifted.sort(key=lambda pair: -pair[1].distance)
    said = "; ".join(f"{name} {_said(shift)}".strip() for name, shift in shifted[:SHOWN])
    more = f"; and {len(shifted) - SHOWN} more" if len(shifted) > SHOWN else ""
    what = f"{split} holds its labels in other shares than train: {said}{more}"
    return Finding("warn", what, ALIKE if targets == "numbers" else DRAWN)


def _said(shift: LabelShift, bounds: bool = True) -> str:
    name = "distance of cumulative shares" if shift.test == "kolmogorov-smirnov" else "total variation"
    interval = f" [{shift.low:.2f}, {shift.high:.2f}]" if bounds else ""
    return f"{name} {shift.distance:.2f}{interval}, p = {shift.p:.2g}, {shift.test}"
