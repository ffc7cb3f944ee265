"""A sequence of tasks that are data sets of their own."""

import shlex
from collections.abc import Sequence

from tlx.errors import ConfigError, bad_value
from tlx.data.node import LOADING, recipe_of, with_source
from tlx.sequences.task import Given, LearnedTask, renamed

__all__ = ["DataSets"]

LOADED = frozenset(f"data.{name}" for name in LOADING)


class DataSets:
    """Each task is a data set, named by the words that a command line would choose it with.

    With `scenario=task` a class that several of them have is another class in each, and is called after
    its task. With `scenario=domain` all have the same classes.

    Args:
        tasks: For each task its words in one text, such as `data=folder data.root=PHOTOS`; at least two.
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
        nodes = []
        for task in self._tasks:
            words = _divided(task)
            strange = [word for word in words if not word.startswith(("data=", "data."))]
            if strange:
                raise bad_value("sequence.tasks", strange[0], "words such as data=folder data.root=PHOTOS")
            loading = [word for word in words if word.partition("=")[0] in LOADED]
            if loading:
                raise ConfigError(
                    f"sequence.tasks holds {loading[0]!r}, and how samples become batches is the same in all "
                    "tasks",
                    fix=f"{loading[0]} as a word of the sequence itself",
                )
            nodes.append(given.composed(words))
        known = [list(given.classes(node)) for node in nodes]
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
            found.append(LearnedTask(name, with_source(given.data, recipe)))
        return found


def _divided(task: str) -> list[str]:
    """The words of a task as a shell divides them, so that quotes hold a path with spaces together."""
    try:
        return shlex.split(task)
    except ValueError as error:
        raise bad_value("sequence.tasks", task, f"words as in a shell ({error})") from error
