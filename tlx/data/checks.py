"""What is looked for in the data before anything trains."""

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from tlx.errors import DataError, unknown_name
from tlx.types import Splits

__all__ = [
    "Contents",
    "Duplicates",
    "Faults",
    "check_choice",
    "check_known_classes",
    "check_splits",
    "duplicates_between",
    "remember",
    "remembered",
    "report_duplicates",
]

Duplicates = Literal["error", "warn", "ignore"]

_SHOWN = 5
_log = logging.getLogger(__name__)


class Contents(Protocol):
    """A split whose samples can be compared byte by byte."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each sample, shape (N,)."""
        ...

    def digest(self, index: int) -> bytes:
        """A hash of one sample's bytes."""
        ...

    def name(self, index: int) -> str:
        """Where the sample comes from, for people."""
        ...


class Faults:
    """What is wrong with single files: the first few and how many."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, name: str, reason: str) -> None:
        """Note that a file cannot be used, and why."""
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"{name} ({reason})")

    def refuse(self, where: str, fix: str = "repair them or move them elsewhere") -> None:
        """Raise DataError if there were any."""
        if not self.count:
            return
        more = f" and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        files = "file" if self.count == 1 else "files"
        raise DataError(f"{self.count} {files} cannot be used: {', '.join(self.first)}{more}", where, fix)


def check_choice(name: str, got: str, choices: object) -> None:
    """Refuse a word that is not one of a Literal's.

    Raises:
        ConfigError: With the nearest that is.
    """
    if got not in get_args(choices):
        raise unknown_name(name, got, get_args(choices))


def check_splits(splits: Splits) -> None:
    """Refuse data that a classifier cannot learn from or be measured on.

    Raises:
        DataError: Fewer than two classes, a class name twice, an empty split, a label out of
            range, or a class without a training sample.
    """
    classes = splits.classes
    if len(classes) < 2:
        raise DataError(
            f"there is nothing to tell apart: the classes are {', '.join(classes) or 'none'}",
            fix="data with at least two classes",
        )
    twice = sorted({name for name in classes if classes.count(name) > 1})
    if twice:
        raise DataError(f"class names that stand twice: {_listed(twice)}")
    for word, split in (("train", splits.train), ("val", splits.val), ("test", splits.test)):
        if split is None:
            continue
        if len(split) == 0:
            raise DataError(f"the {word} split has no samples", fix="check the path and the split's name")
        outside = np.flatnonzero((split.labels < 0) | (split.labels >= len(classes)))
        if len(outside):
            first = int(outside[0])
            raise DataError(
                f"labels of the {word} split are outside 0..{len(classes) - 1}: {len(outside)} of them, the "
                f"first is {split.labels[first]} at {split.name(first)}",
                fix="one class name for every label",
            )
    empty = np.flatnonzero(np.bincount(splits.train.labels, minlength=len(classes)) == 0)
    if len(empty):
        raise DataError(
            f"classes without a training sample: {_listed([classes[k] for k in empty])}",
            fix="add samples, or remove the class",
        )


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


def duplicates_between(parts: Mapping[str, Contents]) -> list[tuple[str, str]]:
    """Samples whose exact bytes are in two splits. Hashes only where sizes agree.

    Args:
        parts: Split name to its samples.

    Returns:
        Names of both samples of each pair, a pair for every sample after the first with the
        same bytes in another split.
    """
    words = list(parts)
    sizes = [parts[word].sizes for word in words]
    owners, indices, hashes = [], [], []
    for own, word in enumerate(words):
        others = [sizes[other] for other in range(len(words)) if other != own]
        shared = np.flatnonzero(np.isin(sizes[own], np.concatenate([*others, np.empty(0, dtype=np.int64)])))
        owners.append(np.full(len(shared), own))
        indices.append(shared)
        short = (int.from_bytes(parts[word].digest(int(index))[:8], "big") for index in shared)
        hashes.append(np.fromiter(short, dtype=np.uint64, count=len(shared)))
    owner, index, value = (np.concatenate(arrays) for arrays in (owners, indices, hashes))
    order = np.argsort(value, kind="stable")
    starts = np.flatnonzero(np.diff(value[order], prepend=~value[order[:1]]))
    first = order[np.repeat(starts, np.diff(starts, append=len(order)))]
    pairs = []
    for at, later in zip(first, order, strict=True):
        if owner[at] == owner[later]:
            continue
        (one, i), (other, j) = ((parts[words[owner[k]]], int(index[k])) for k in (at, later))
        if one.digest(i) == other.digest(j):
            pairs.append((int(later), (one.name(i), other.name(j))))
    return [names for _, names in sorted(pairs)]


def report_duplicates(pairs: Sequence[tuple[str, str]], mode: str) -> None:
    """Say which samples are in two splits.

    Args:
        pairs: From `duplicates_between`.
        mode: "error", "warn" or "ignore".

    Raises:
        DataError: If `mode` is "error" and there are pairs.
    """
    if not pairs or mode == "ignore":
        return
    shown = "; ".join(f"{first} = {second}" for first, second in pairs[:_SHOWN])
    more = f"; and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    samples = "sample is" if len(pairs) == 1 else "samples are"
    what = f"{len(pairs)} {samples} in two splits, which flatters the figures: {shown}{more}"
    if mode == "error":
        raise DataError(what, fix="remove one of each pair, or data.duplicates=warn")
    _log.warning("%s. Try: remove one of each pair, or data.duplicates=ignore", what)


def remembered(*key: str) -> bool:
    """Whether a check with this key came out well before, on this machine."""
    return _marker(key).exists()


def remember(*key: str) -> None:
    """Note that a check came out well; where nothing can be written it is made again next time."""
    try:
        _marker(key).parent.mkdir(parents=True, exist_ok=True)
        _marker(key).touch()
    except OSError:
        _log.debug("cannot write %s", _marker(key))


def _marker(key: tuple[str, ...]) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache, "tlx", "checked", hashlib.sha256("\0".join(key).encode()).hexdigest())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
