"""A split whose values are wanted."""

from dataclasses import dataclass

from tlx.types import Split

__all__ = ["Part", "in_variations"]


@dataclass(frozen=True)
class Part:
    """A split, and the variations of its samples that are wanted.

    Args:
        name: "train", "val" or "test", for people.
        split: The samples.
        views: Variations of each sample, >= 1; None: the samples as they are.
    """

    name: str
    split: Split
    views: int | None = None

    @property
    def rows(self) -> int:
        """Rows of values: samples times variations."""
        return len(self.split) * (self.views or 1)

    def block(self, most: int) -> int:
        """Samples in a block, where at most so many may be."""
        return min(most, len(self.split))

    def blocks(self, most: int) -> int:
        """How many blocks there are, where each has at most so many samples."""
        return (self.views or 1) * -(-len(self.split) // self.block(most))


def in_variations(views: int | None) -> str:
    """Of how many variations samples are, for people; empty where they do not vary.

    >>> in_variations(3)
    ' in 3 variations'
    """
    return "" if views is None else f" in {views} variation{'' if views == 1 else 's'}"
