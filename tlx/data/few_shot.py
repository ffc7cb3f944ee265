"""Some samples of each class of another source, such as those that a task of a sequence was learned from."""

from collections.abc import Sequence
from typing import Any

from tlx.data.checks import check_one_class
from tlx.data.sources import check_source, splits_of
from tlx.data.stratified import few_shot
from tlx.errors import bad_value
from tlx.types import ClassesFrom, Source, Splits, Targets

__all__ = ["FewShot"]


class FewShot:
    """The samples that `data.per_class` draws of another source's training split; val and test stay whole.

    As a source of its own the draw can be part of another one: the few samples of several tasks, joined.

    Args:
        of: The other source, one class for each sample.
        shots: Samples of each class, >= 1; a smaller draw is part of a larger one.
        draw_seed: Draws them, a whole number >= 0.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(self, of: Source, shots: int = 10, draw_seed: int = 0) -> None:
        self._of = check_source("of", of)
        if shots < 1:
            raise bad_value("shots", shots, "a whole number >= 1")
        if draw_seed < 0:
            raise bad_value("draw_seed", draw_seed, "a whole number >= 0")
        self._shots, self._draw_seed = shots, draw_seed
        self.kind, self.flip, self.crop = of.kind, of.flip, bool(getattr(of, "crop", True))

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """The files that the other source left out, each with the reason."""
        return list(getattr(self._of, "skipped", ()))

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Ask the other source, and draw.

        Raises:
            DataError: A class has fewer samples.
        """
        check_one_class(targets, "a draw of some samples of each class")
        found = splits_of(self._of, targets, classes_from, "data.of")
        chosen = few_shot(found.train.labels, self._shots, self._draw_seed, found.classes)
        return found._replace(train=found.train.subset(chosen))

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with that of the other in it."""
        return {
            "_target_": "tlx.data.few_shot.FewShot",
            "of": self._of.describe(),
            "shots": self._shots,
            "draw_seed": self._draw_seed,
        }
