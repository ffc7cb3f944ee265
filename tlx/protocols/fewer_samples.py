"""Data of which at most so many samples are read, where there are more."""

import inspect
from collections.abc import Mapping
from typing import Any

from tlx.data.datamodule import TransferData
from tlx.data.portion import Portion
from tlx.types import Splits

__all__ = ["fewer_samples"]

LOADING = frozenset(inspect.signature(TransferData).parameters) - {"source"}


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
    loading = {key: value for key, value in node.items() if key in LOADING}
    inner = {key: value for key, value in node.items() if key not in LOADING}
    return {
        **loading,
        "_target_": f"{Portion.__module__}.{Portion.__qualname__}",
        "of": inner,
        **shares,
        "draw_seed": seed,
    }
