"""Some classes of another source, such as those of one task of a sequence."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.data.checks import check_one_class, check_splits
from tlx.data.relabelled import Relabelled
from tlx.data.sources import check_source, splits_of
from tlx.errors import DataError, bad_value, unknown_name
from tlx.types import ClassesFrom, Source, Split, Splits, Targets

__all__ = ["ByClasses"]


class ByClasses:
    """The samples of some classes of another source, whose train, val and test are kept apart as they are.

    A label is the position of the class in `classes`.

    Args:
        of: The other source, one class for each sample.
        classes: Names of the classes, in the order they shall have.
        names: What they shall be called here, one name each, so that classes of several tasks can
            bear the same; None: as there.

    Raises:
        ConfigError: A name is there twice, or there are none, or not a name for each class.
    """

    def __init__(self, of: Source, classes: Sequence[str], names: Sequence[str] | None = None) -> None:
        self._of = check_source("of", of)
        self._classes = _names("classes", classes)
        self._names = None if names is None else _names("names", names)
        if self._names is not None and len(self._names) != len(self._classes):
            wanted = f"a name for each of the {len(self._classes)} classes"
            raise bad_value("names", list(self._names), wanted)
        self.kind, self.flip, self.crop = of.kind, of.flip, bool(getattr(of, "crop", True))

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """The files that the other source left out, whatever their class, each with the reason."""
        return list(getattr(self._of, "skipped", ()))

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Ask the other source, and keep the samples of the classes."""
        check_one_class(targets, "a choice of classes (data.classes)")
        found = splits_of(self._of, targets, classes_from, "data.of")
        positions = {name: position for position, name in enumerate(found.classes)}
        for name in self._classes:
            if name not in positions:
                error = unknown_name("class", name, positions)
                error.where = "data.classes"
                raise error
        labels = np.full(len(positions), -1, dtype=np.int64)
        labels[[positions[name] for name in self._classes]] = np.arange(len(self._classes))
        train = self._restricted("train", found.train, labels)
        val = self._restricted("val", found.val, labels)
        test = None if found.test is None else self._restricted("test", found.test, labels)
        splits = Splits(train, val, test, self._names or self._classes)
        check_splits(splits, targets, classes_from)
        return splits

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with that of the other in it."""
        return {
            "_target_": "tlx.data.by_classes.ByClasses",
            "of": self._of.describe(),
            "classes": list(self._classes),
            "names": None if self._names is None else list(self._names),
        }

    def _restricted(self, word: str, split: Split, labels: NDArray[np.int64]) -> Relabelled:
        own = labels[split.labels]
        kept = np.flatnonzero(own >= 0)
        if not len(kept):
            raise DataError(
                f"the {word} split has no sample of {', '.join(self._classes[:10])}",
                fix="other data.classes, or samples of them",
            )
        return Relabelled(split.subset(kept), own[kept])


def _names(argument: str, given: Sequence[str]) -> tuple[str, ...]:
    """Names as text; a config may hold numbers."""
    if isinstance(given, str) or not given:
        raise bad_value(argument, given, "a list of names", f"data.{argument}=[NAME,NAME]")
    names = tuple(str(name) for name in given)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise bad_value(argument, list(names), f"each name once, and {twice[0]!r} is there twice")
    return names
