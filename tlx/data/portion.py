"""A share of the samples of another source, alike in their classes: a large set made small."""

from collections.abc import Sequence
from typing import Any

from tlx.data.sources import check_source, splits_of
from tlx.data.stratified import portion
from tlx.errors import bad_value
from tlx.types import ClassesFrom, Source, Split, Splits, Targets

__all__ = ["Portion"]


class Portion:
    """So much of another source's samples.

    Each class keeps its share, and at least one sample. A smaller draw is part of a larger one.

    Args:
        of: The other source.
        train: Share of the training samples, in (0, 1].
        val: Share of the validation samples, in (0, 1].
        test: Share of the test samples, in (0, 1].
        draw_seed: Draws them, a whole number >= 0.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(
        self, of: Source, train: float = 0.1, val: float = 1.0, test: float = 1.0, draw_seed: int = 0
    ) -> None:
        self._of = check_source("of", of)
        for name, value in (("train", train), ("val", val), ("test", test)):
            if not 0 < value <= 1:
                raise bad_value(name, value, "a share in (0, 1]", f"{name}=0.1")
        if draw_seed < 0:
            raise bad_value("draw_seed", draw_seed, "a whole number >= 0")
        self._shares = {"train": float(train), "val": float(val), "test": float(test)}
        self._draw_seed = draw_seed
        self.kind, self.flip, self.crop = of.kind, of.flip, bool(getattr(of, "crop", True))

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """The files that the other source left out, each with the reason."""
        return list(getattr(self._of, "skipped", ()))

    def splits(self, targets: Targets = "class", classes_from: ClassesFrom = "train") -> Splits:
        """Ask the other source, and draw."""
        found = splits_of(self._of, targets, classes_from, "data.of")
        drawn = dict[str, Split]()
        for name, share in self._shares.items():
            split: Split | None = getattr(found, name)
            if split is not None and share < 1:
                drawn[name] = split.subset(portion(split.labels, share, self._draw_seed, found.classes))
        train, val = drawn.get("train", found.train), drawn.get("val", found.val)
        return Splits(train, val, drawn.get("test", found.test), found.classes)

    def describe(self) -> dict[str, Any]:
        """The recipe of this source, with that of the other in it."""
        return {
            "_target_": "tlx.data.portion.Portion",
            "of": self._of.describe(),
            **self._shares,
            "draw_seed": self._draw_seed,
        }
