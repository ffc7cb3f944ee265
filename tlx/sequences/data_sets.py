"""A sequence of tasks that are data sets of their own."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from tlx.errors import ConfigError, TlxError, bad_value
from tlx.data.node import LOADING, data_beside, recipe_of, with_source
from tlx.sequences.task import Given, LearnedTask, renamed

__all__ = ["DataSets"]

LOADED = frozenset(f"data.{name}" for name in LOADING)
CHOOSING = ("data=", "data.", "data@data.")
"""What a word of a task begins with: the choice, its arguments, and choices of what lies in it."""


class DataSets:
    """Each task is a data set, named by the words that a command line would choose it with.

    With `scenario=task` a class that several of them have is another class in each, and is called after
    its task. With `scenario=domain` all have the same classes.

    Args:
        tasks: For each task its words in one text, such as `data=folder data.root=PHOTOS`, or
            `data=by_classes data@data.of=digits data.classes=[0,1]` of one made of another; at least two.
            How samples become batches, the sequence's own `data` says.
        names: What the tasks are called; None: task 1, task 2 and so on.

    Raises:
        ConfigError: There are fewer than two, or not a name for each.
    """

    def __init__(self, tasks: Sequence[str] = (), names: Sequence[str] | None = None) -> None:
        if isinstance(tasks, str) or len(tasks) < 2 or not all(isinstance(task, str) for task in tasks):
            raise bad_value(
                "sequence.tasks",
                tasks,
                "the words of two data sets or more",
                '\'sequence.tasks=["data=folder data.root=FIRST","data=folder data.root=SECOND"]\'',
            )
        named = [f"task {number + 1}" for number in range(len(tasks))] if names is None else list(names)
        if len(named) != len(tasks) or len(set(named)) < len(named):
            raise bad_value("sequence.names", names, f"{len(tasks)} different names, or null")
        self._tasks, self._names = list(tasks), named

    def tasks(self, given: Given) -> list[LearnedTask]:
        """A task for each data set."""
        nodes, known = [], []
        for name, task in zip(self._names, self._tasks, strict=True):
            words = _divided(task)
            for word in words:
                _check(word)
            try:
                nodes.append(given.composed(words))
                known.append(list(given.classes(nodes[-1])))
            except TlxError as error:
                error.where = f"{error.where} of {name}" if error.where else name
                raise
        if given.scenario == "domain":
            for name, classes in zip(self._names, known, strict=True):
                if classes != known[0]:
                    raise ConfigError(
                        f"scenario=domain asks one head for all tasks, and {name} has other classes than "
                        f"{self._names[0]}: {', '.join(classes[:3])} and {', '.join(known[0][:3])}",
                        fix="scenario=task, or data sets of the same classes",
                    )
        found = []
        for name, node, classes in zip(self._names, nodes, known, strict=True):
            recipe = recipe_of(node)
            if given.scenario == "task":
                recipe = renamed(recipe, classes, [f"{each} of {name}" for each in classes])
            found.append(LearnedTask(name, with_source(given.data, recipe), _called(node)))
        return found


def _called(node: Mapping[str, Any]) -> str:
    """The folder or file of a data set, else its choice."""
    return data_beside({**node, "root": node.get("root") or node.get("file")})


def _check(word: str) -> None:
    """Refuse a word that is not about the data of one task."""
    key = word.lstrip("+~").partition("=")[0]
    if not word.lstrip("+~").startswith(CHOOSING):
        if "=" not in word:
            fix = "quotes around a word with spaces in it: 'data.root=MY PHOTOS'"
        elif key.startswith("data@"):
            fix = f"leave {key} out: the source of each task are the tasks before it, and no other data is read"
        else:
            fix = f"{word} as a word of the sequence itself"
        expected = "words such as data=folder data.root=PHOTOS, or data=by_classes data@data.of=digits"
        raise bad_value("sequence.tasks", word, expected, fix)
    if key in LOADED:
        raise ConfigError(
            f"sequence.tasks holds {word!r}, and how samples become batches is the same in all tasks",
            fix=f"{word.lstrip('+~')} as a word of the sequence itself",
        )


def _divided(task: str) -> list[str]:
    """The words of a task as a shell divides them, so that quotes hold a path with spaces together."""
    try:
        return shlex.split(task)
    except ValueError as error:
        raise bad_value("sequence.tasks", task, f"words as in a shell ({error})") from error
