"""Several sources as one."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tlx.data.checks import check_choice, check_splits
from tlx.data.concatenated import Concatenated
from tlx.data.duplicates import Duplicates, check_between
from tlx.data.relabelled import Relabelled
from tlx.data.sources import check_source, splits_of
from tlx.errors import ConfigError, DataError, bad_value
from tlx.types import ClassesFrom, Source, Split, Splits, Targets

__all__ = ["Joined"]


class Joined:
    """The samples of several sources, one after the other in train, val and test.

    The classes are those of the sources in the order in which they first appear, so that
    classes of the same name are one. There is a test split where every source has one. Where
    samples have several classes, or numbers, all sources must name the same. The splits have an
    attribute `starts`, see `Concatenated`.

    Args:
        of: The sources, all of images or all of texts.
        duplicates: What to do when the same bytes are in two splits, also of two sources: "error",
            "warn", "ignore".

    Raises:
        ConfigError: There is no source, or they are of two kinds.
    """

    def __init__(self, of: Sequence[Source], duplicates: str = "warn") -> None:
        if not isinstance(of, Sequence) or isinstance(of, str) or not of:
            raise bad_value("of", of, "a list of sources", "data.of=[{_target_: ...}, {_target_: ...}]")
        check_choice("duplicates", duplicates, Duplicates)
        self._of = [check_source(f"of.{number}", source) for number, source in enumerate(of)]
        kinds = [source.kind for source in of]
        if len(set(kinds)) > 1:
            raise ConfigError(
                f"sources of two kinds cannot be joined: {', '.join(kinds)}", fix="data.of all of one kind"
            )
        self._duplicates = duplicates
        self.kind, self.flip = kinds[0], all(source.flip for source in of)
        self.crop = all(getattr(source, "crop", True) for source in of)

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """The files that the sources left out, each with the reason."""
        return [*itertools.chain.from_iterable(getattr(source, "skipped", ()) for source in self._of)]

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Ask every source, and put what they find together."""
        found = [
            splits_of(source, targets, classes_from, f"data.of.{number}")
            for number, source in enumerate(self._of)
        ]
        classes = tuple(dict.fromkeys(itertools.chain.from_iterable(part.classes for part in found)))
        if targets != "class":
            self._refuse_other_names(found)
        train = Concatenated([_relabelled(part.train, part.classes, classes) for part in found])
        val = Concatenated([_relabelled(part.val, part.classes, classes) for part in found])
        tests = [_relabelled(part.test, part.classes, classes) for part in found if part.test is not None]
        test = Concatenated(tests) if len(tests) == len(found) else None
        splits = Splits(train, val, test, classes)
        check_splits(splits, targets, classes_from)
        check_between(splits, self._duplicates)
        return splits

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with those of the others in it."""
        return {
            "_target_": "tlx.data.joined.Joined",
            "of": [source.describe() for source in self._of],
            "duplicates": self._duplicates,
        }

    @staticmethod
    def _refuse_other_names(found: Sequence[Splits]) -> None:
        for number, part in enumerate(found):
            if part.classes != found[0].classes:
                raise DataError(
                    f"the sources have different labels: {', '.join(found[0].classes[:10])} in the first, "
                    f"{', '.join(part.classes[:10])} in data.of.{number}",
                    fix="the same columns in the same order, or task=multiclass",
                )


def _relabelled(split: Split, names: Sequence[str], classes: Sequence[str]) -> Split:
    """The split with its classes at their positions in `classes`."""
    if tuple(names) == tuple(classes)[: len(names)]:
        return split
    positions = {name: position for position, name in enumerate(classes)}
    return Relabelled(split, np.array([positions[name] for name in names])[split.labels])
