"""A data node of a config: what builds the source, and how its samples become batches."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.data.datamodule import TransferData

__all__ = ["LOADING", "data_beside", "data_named", "loading_of", "recipe_of", "with_source"]

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


def data_named(node: Mapping[str, Any], name: str) -> str:
    """What data is called for people: its folder where it has one, else its name.

    >>> data_named({"root": "/data/sketch"}, "folder"), data_named({}, "digits")
    ('sketch', 'digits')
    """
    root = node.get("root")
    return Path(root).name or name if isinstance(root, str) else name


def data_beside(node: Mapping[str, Any]) -> str:
    """What data is called that the config names beside the target: its folder, else its choice.

    >>> data_beside({"_target_": "tlx.data.by_classes.ByClasses"})
    'by_classes'

    Args:
        node: Of the config; a choice is called after its module, and what is in a script after its class.
    """
    module, _, kind = str(node["_target_"]).rpartition(".")
    return data_named(node, module.rpartition(".")[2] if module.startswith("tlx.") else kind)
