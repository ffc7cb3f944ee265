"""What is looked for in the data before anything trains."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

import numpy as np

from tlx.data.packed import Packer
from tlx.errors import DataError, unknown_name
from tlx.types import ClassesFrom, Split, Splits, Targets

__all__ = ["Faults", "check_choice", "check_known_classes", "check_one_class", "check_splits"]

_SHOWN = 5


class Faults:
    """What is wrong with single files, in the order found: pairs of a name and a reason."""

    def __init__(self) -> None:
        self._names, self._reasons = Packer(), Packer()

    def add(self, name: str, reason: str) -> None:
        """Note that a file cannot be used, and why."""
        self._names.add(name)
        self._reasons.add(reason)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return zip(self._names.packed(), self._reasons.packed(), strict=True)

    def listed(self) -> str:
        """The first few and how many more."""
        first = [f"{name} ({reason})" for (name, reason), _ in zip(self, range(_SHOWN), strict=False)]
        more = f" and {len(self) - len(first)} more" if len(self) > len(first) else ""
        return ", ".join(first) + more

    def counted(self) -> str:
        """How many, and the verb for it: `1 file is`, `2 files are`."""
        return "1 file is" if len(self) == 1 else f"{len(self)} files are"

    def refuse(self, where: str, fix: str = "repair them or move them elsewhere") -> None:
        """Raise DataError if there were any."""
        if len(self):
            files = "file" if len(self) == 1 else "files"
            raise DataError(f"{len(self)} {files} cannot be used: {self.listed()}", where, fix)


def check_choice(name: str, got: str, choices: object) -> None:
    """Refuse a word that is not one of a Literal's.

    Raises:
        ConfigError: With the nearest that is.
    """
    if got not in get_args(choices):
        raise unknown_name(name, got, get_args(choices))


def check_splits(splits: Splits, targets: Targets = "class", classes_from: ClassesFrom = "train") -> None:
    """Refuse data that cannot be learnt from or measured on.

    Args:
        splits: What a source found.
        targets: What its samples are labelled with.
        classes_from: "all" where no class needs a training sample.

    Raises:
        DataError: A name twice or none, an empty split, or labels of another kind; fewer than
            two classes to tell apart, a label out of range, or a class without a training
            sample; a number that is not finite, or one that is the same in all of train.
    """
    names = splits.classes
    what = "number" if targets == "numbers" else "class"
    if len(names) < (2 if targets == "class" else 1):
        raise DataError(
            f"there is nothing to tell apart: the classes are {', '.join(names) or 'none'}"
            if what == "class"
            else "there is no number to learn",
            fix="data with at least two classes" if what == "class" else "data.label=COLUMN",
        )
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError(f"{what} names that stand twice: {_listed(twice)}")
    for word, split in (("train", splits.train), ("val", splits.val), ("test", splits.test)):
        if split is None:
            continue
        if len(split) == 0:
            raise DataError(f"the {word} split has no samples", fix="check the path and the split's name")
        _check_labels(word, split, names, targets)
    labels = splits.train.labels
    if targets == "numbers":
        same = np.flatnonzero((labels == labels[:1]).all(axis=0))
        if len(same):
            raise DataError(
                f"numbers that are the same in every training sample: {_listed([names[k] for k in same])}",
                fix="remove them; there is nothing to learn",
            )
        return
    if classes_from == "all":
        return
    counts = np.bincount(labels, minlength=len(names)) if targets == "class" else labels.any(axis=0)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise DataError(
            f"classes without a training sample: {_listed([names[k] for k in empty])}",
            fix="add samples, or remove the class",
        )


def _check_labels(word: str, split: Split, names: Sequence[str], targets: Targets) -> None:
    labels = split.labels
    shape = (len(split),) if targets == "class" else (len(split), len(names))
    if labels.shape != shape or (labels.dtype.kind == "f") != (targets == "numbers"):
        raise DataError(
            f"the task needs {_NEEDED[targets]}, labels of shape {shape}; the {word} split has "
            f"{labels.dtype} of shape {labels.shape}",
            fix="a task or data that fits",
        )
    if targets == "numbers":
        wrong, allowed = ~np.isfinite(labels).all(axis=1), "not finite"
    elif targets == "classes":
        wrong, allowed = (labels > 1).any(axis=1) | (labels < 0).any(axis=1), "neither 0 nor 1"
    else:
        wrong, allowed = (labels < 0) | (labels >= len(names)), f"outside 0..{len(names) - 1}"
    outside = np.flatnonzero(wrong)
    if len(outside):
        first = int(outside[0])
        raise DataError(
            f"labels of the {word} split are {allowed}: {len(outside)} of them, the "
            f"first is {labels[first]} at {split.name(first)}",
            fix="numbers that are finite" if targets == "numbers" else "one class name for every label",
        )


def check_one_class(targets: Targets, what: str) -> None:
    """Refuse a task that needs other labels than the one class that each sample has.

    Args:
        targets: What the task needs.
        what: The data, for people.

    Raises:
        DataError: With the data that has such labels.
    """
    if targets != "class":
        raise DataError(
            f"the task needs {_NEEDED[targets]}, and {what} has one class for each sample",
            fix="data=image_csv (for texts data=text_csv) with data.label, or task=multiclass",
        )


_NEEDED = {
    "class": "one class for each sample",
    "classes": "any number of classes for each sample",
    "numbers": "numbers for each sample",
}


def check_known_classes(split: str, names: Mapping[str, str], classes: Sequence[str]) -> None:
    """Refuse a split with classes that training has not.

    Args:
        split: Its name.
        names: Class name to a place where it occurs, for people.
        classes: What training knows.

    Raises:
        DataError: With the names.
    """
    extra = sorted(set(names) - set(classes))
    if extra:
        raise DataError(
            f"{split} has classes that train has not: {_listed(extra)}",
            where=names[extra[0]],
            fix=f"remove them, or add them to train (it has {_listed(classes)})",
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
