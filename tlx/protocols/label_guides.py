"""The two rules of thumb of the field, by all labels and by those of the smallest class."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlx.strategies.auto import guide

__all__ = ["Guide", "label_guides"]

BY_ALL = (
    (500, "below 500 labels: the head alone", "strategy=feature_extraction"),
    (5_000, "500 to 5,000 labels: the head first, then everything gently", "strategy=fine_tune"),
    (100_000, "5,000 to 100,000 labels: everything, the lower the slower", "strategy=discriminative"),
)
MANY = ("100,000 labels and more: everything; from scratch may do as well", "strategy=full")


@dataclass(frozen=True)
class Guide:
    """A rule of thumb and what it says here.

    Args:
        name: What it goes by.
        counted: Labels that it counts.
        rule: That applies.
        strategy: The words of a command line that follow it.
    """

    name: str
    counted: int
    rule: str
    strategy: str


def label_guides(counts: Sequence[int], stages: Sequence[str]) -> tuple[Guide, Guide]:
    """What both tables say: that by all labels, then that of `strategy=auto` by the smallest class.

    The table by all labels (below 500, 5,000, 100,000 and above) is the advice of courses and handbooks
    and has no one source; neither table knows how far the data is from what the weights saw. They differ
    where classes are many or unequal.

    >>> [found.strategy for found in label_guides([450, 450], ["low", "high"])]
    ['strategy=fine_tune', 'strategy=partial strategy.unfrozen=2']

    Args:
        counts: Training samples of each class, each > 0.
        stages: Of the backbone.
    """
    total, least = sum(counts), min(counts)
    rule, words = next(((said, words) for most, said, words in BY_ALL if total < most), MANY)
    said, command, _ = guide(tuple(stages), least)
    return Guide("all labels", total, rule, words), Guide("smallest class", least, said, command)
