"""A sequence of tasks with classes of their own, all from one data set."""

from tlx.errors import ConfigError, bad_value
from tlx.data.node import recipe_of, with_source
from tlx.sequences.task import Given, LearnedTask, renamed

__all__ = ["Classes"]


class Classes:
    """Divides the classes of a data set, in their order, into tasks of equally many (as in Split MNIST).

    With `scenario=domain` the classes of each task bear the same names, their places in it, and the task
    is to tell the first of them from the second and so on, whichever task they come from (van de Ven et
    al. 2022, Nature Machine Intelligence 4, 1185).

    Args:
        tasks: How many, >= 2.

    Raises:
        ConfigError: There are fewer than two.
    """

    def __init__(self, tasks: int = 5) -> None:
        if tasks < 2:
            raise bad_value("sequence.tasks", tasks, "a whole number >= 2")
        self._tasks = tasks

    def tasks(self, given: Given) -> list[LearnedTask]:
        """A task for each chunk of the classes."""
        classes = list(given.classes(given.data))
        each, left = divmod(len(classes), self._tasks)
        if left or each < 2:
            possible = [n for n in range(2, len(classes) // 2 + 1) if len(classes) % n == 0]
            ways = ", ".join(map(str, possible)) or "no number of tasks"
            raise bad_value(
                "sequence.tasks",
                self._tasks,
                f"a divisor of the {len(classes)} classes that leaves each task two or more: {ways}",
            )
        found = []
        for start in range(0, len(classes), each):
            mine = classes[start : start + each]
            names = mine if given.scenario == "task" else [f"class {place + 1}" for place in range(each)]
            recipe = renamed(recipe_of(given.data), mine, names)
            found.append(LearnedTask(_said(mine), with_source(given.data, recipe)))
        names_of_tasks = [task.name for task in found]
        if len(set(names_of_tasks)) < len(found):
            raise ConfigError("two tasks of the sequence have the same name", fix="other names of classes")
        return found


def _said(classes: list[str]) -> str:
    return ", ".join(classes) if len(classes) <= 3 else f"{classes[0]} to {classes[-1]}"
