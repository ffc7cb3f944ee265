"""What a sequence is made of: tasks as plain recipes, so that each is a run like any other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

__all__ = [
    "SCENARIOS",
    "Given",
    "LearnedTask",
    "Tasks",
    "renamed",
]

SCENARIOS = ("task", "domain")
"""`task`: each has a head of its own, and it is known which one is asked. `domain`: one head for all."""


class LearnedTask(NamedTuple):
    """One task."""

    name: str  # for people and for results
    data: dict[str, Any]  # a data node of a config
    of: str = ""  # the data set that it is, for people; where it is a part of the sequence's, nothing


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


def renamed(recipe: Mapping[str, Any], classes: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """The recipe of some classes of a source under other names."""
    return {
        "_target_": "tlx.data.by_classes.ByClasses",
        "of": dict(recipe),
        "classes": list(classes),
        "names": list(names),
    }
