"""A data node of a config: what builds the source, and how its samples become batches."""

import inspect
from collections.abc import Mapping
from typing import Any

from tlx.data.datamodule import TransferData

__all__ = ["LOADING", "loading_of", "recipe_of", "with_source"]

LOADING = tuple(name for name in inspect.signature(TransferData).parameters if name != "source")
"""The keys that say how samples become batches; the rest build the source."""


def recipe_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a data node that builds the source."""
    return {key: value for key, value in node.items() if key not in LOADING}


def loading_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a data node that says how samples become batches."""
    return {key: value for key, value in node.items() if key in LOADING}


def with_source(node: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A data node whose samples come from another source, and become batches as before."""
    return {**recipe, **loading_of(node)}
