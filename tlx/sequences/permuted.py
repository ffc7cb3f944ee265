"""A sequence of tasks that are one data set with its pixels in other orders."""

from tlx.errors import bad_value
from tlx.data.node import recipe_of, with_source
from tlx.sequences.task import Given, LearnedTask, renamed

__all__ = ["Permuted"]


class Permuted:
    """Every task has the pixels of all images in an order of its own.

    Goodfellow et al. 2013, arXiv 1312.6211.

    Args:
        tasks: How many, >= 2.
        seed: Of the orders, >= 0.
        pad: Black pixels added on every side before, >= 0; 2 makes 28 x 28 to 32 x 32 (van de Ven and
            Tolias 2019, arXiv 1904.07734).
        first: Whether the first task has the pixels in another order too.

    Raises:
        ConfigError: A value is out of its range.
    """

    def __init__(self, tasks: int = 10, seed: int = 0, pad: int = 0, first: bool = True) -> None:
        for name, value, least in (("tasks", tasks, 2), ("seed", seed, 0), ("pad", pad, 0)):
            if value < least:
                raise bad_value(f"sequence.{name}", value, f"a whole number >= {least}")
        self._tasks, self._seed, self._pad, self._first = tasks, seed, pad, first

    def tasks(self, given: Given) -> list[LearnedTask]:
        """A task for each order of the pixels."""
        classes = list(given.classes(given.data)) if given.scenario == "task" else []
        found = []
        for number in range(self._tasks):
            ordered = number == 0 and not self._first
            recipe = {
                "_target_": "tlx.data.permuted.Permuted",
                "of": recipe_of(given.data),
                "order_seed": None if ordered else self._seed * STRIDE + number,
                "pad": self._pad,
            }
            name = f"order {number + 1}"
            if given.scenario == "task":
                recipe = renamed(recipe, classes, [f"{each} in {name}" for each in classes])
            found.append(LearnedTask(name, with_source(given.data, recipe)))
        return found


STRIDE = 1000
"""Keeps the orders of one seed apart from those of another."""
