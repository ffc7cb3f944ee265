"""What a sequence is made of: tasks as plain recipes, so that each is a run like any other."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from tlx.data.datamodule import TransferData

__all__ = [
    "LOADING",
    "SCENARIOS",
    "Given",
    "LearnedTask",
    "Tasks",
    "loading_of",
    "recipe_of",
    "renamed",
    "with_source",
]

SCENARIOS = ("task", "domain")
"""`task`: each has a head of its own, and it is known which one is asked. `domain`: one head for all."""

LOADING = tuple(name for name in inspect.signature(TransferData).parameters if name != "source")
"""Keys of a data node that say how samples become batches."""


class LearnedTask(NamedTuple):
    """One task."""

    name: str  # for people and for results
    data: dict[str, Any]  # a data node of a config


class Given(NamedTuple):
    """What a sequence is made from."""

    data: Mapping[str, Any]  # the data node
    scenario: str  # one of SCENARIOS
    classes: Callable[[Mapping[str, Any]], Sequence[str]]  # a data node to the names of its classes
    composed: Callable[[Sequence[str]], Mapping[str, Any]]  # words of a command line to a data node


class Tasks(Protocol):
    """Makes the tasks of a sequence."""

    def tasks(self, given: Given) -> list[LearnedTask]:
        """The tasks, in the order in which they are learned.

        Raises:
            ConfigError: The data cannot be divided so.
        """
        ...


def recipe_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a data node that builds the source."""
    return {key: value for key, value in node.items() if key not in LOADING}


def loading_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a data node that says how samples become batches."""
    return {key: value for key, value in node.items() if key in LOADING}


def with_source(node: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A data node whose samples come from another source, and become batches as before."""
    return {**recipe, **loading_of(node)}


def renamed(recipe: Mapping[str, Any], classes: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """The recipe of some classes of a source under other names."""
    return {
        "_target_": "tlx.data.by_classes.ByClasses",
        "of": dict(recipe),
        "classes": list(classes),
        "names": list(names),
    }
