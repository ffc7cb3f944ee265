"""Data of which at most so many samples are read, where there are more."""

from collections.abc import Mapping
from typing import Any

from tlx.data.node import recipe_of, with_source
from tlx.data.portion import Portion
from tlx.types import Splits

__all__ = ["fewer_samples"]


def fewer_samples(node: Mapping[str, Any], splits: Splits, most: int, seed: int) -> dict[str, Any]:
    """The node of a config for a share of each split, the same of every class; the node itself if all is few.

    Args:
        node: Of data.
        splits: What it comes to.
        most: Samples of a split, about; a class keeps at least one.
        seed: Of the draws.
    """
    named = {"train": splits.train, "val": splits.val, "test": splits.test}
    shares = {name: min(1.0, most / len(split)) for name, split in named.items() if split is not None}
    if node.get("per_class") is not None:  # which draws from all training samples already
        shares["train"] = 1.0
    if all(share == 1 for share in shares.values()):
        return dict(node)
    portion = {
        "_target_": f"{Portion.__module__}.{Portion.__qualname__}",
        "of": recipe_of(node),
        **shares,
        "draw_seed": seed,
    }
    return with_source(node, portion)
