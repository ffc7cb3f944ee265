"""A result file as a table for the terminal and the README. Pure functions of the file's content."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from scripts.reproduction.cases import CASES, Case
from tlx.functional.intervals import t_interval

__all__ = ["caption", "markdown", "verdict"]

HEAD = ("experiment", "seeds", "average accuracy, %", "published, %", "reached")


def markdown(result: Mapping[str, Any]) -> str:
    """A row for each case that was measured."""
    rows = [_row(case, values) for case in CASES if (values := _values(result, case))]
    return "\n".join([f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *rows])


def _values(result: Mapping[str, Any], case: Case) -> list[float]:
    return [100 * run["accuracy"] for run in result["runs"] if run["case"] == case.name]


def _row(case: Case, values: Sequence[float]) -> str:
    interval = t_interval(values)
    bounds = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
    published = ", ".join(f"{value:g}" for value, _ in case.published)
    cells = [f"`{case.experiment}`", str(len(values)), f"{fmean(values):.2f}{bounds}"]
    reached = verdict(values, case.published[0][0]) if published else "none published"
    return f"| {' | '.join([*cells, published, reached])} |"


def verdict(values: Sequence[float], published: float) -> str:
    """Whether the published value lies in the 95 % interval of ours, or below it.

    >>> verdict([98.0, 99.0, 100.0], 98.6), verdict([98.0, 98.1, 98.2], 90.0), verdict([80.0, 80.1], 90.0)
    ('yes', 'better', 'no')
    >>> verdict([98.0], 98.6)
    'one seed'
    """
    interval = t_interval(values)
    if interval is None:
        return "one seed"
    low, high = interval
    if published < low:
        return "better"
    return "yes" if published <= high else "no"


NONE = (
    " `none` holds on to nothing, so that its row compares protocols alone, and that of split MNIST is "
    "another here than those published: an Adam of its own for each task, where van de Ven's code carries "
    "one over from task to task, 21 epochs of each task, where 2000 batches are drawn there, and 1 % of "
    "train left out."
)
"""Stands where a case without a method was measured."""

ORDERS = (
    " The orders of permuted MNIST are drawn by `sequence.seed`, which follows `seed`: each seed has "
    "orders of its own, and the intervals are over orders too."
)
"""Stands where permuted MNIST was measured."""


def caption(result: Mapping[str, Any]) -> str:
    """Whose values they are, and what the intervals are."""
    measured = {run["case"] for run in result["runs"]}
    sources = dict.fromkeys(where for case in CASES if case.name in measured for _, where in case.published)
    by = f" Published by, in this order where they have a value: {'; '.join(sources)}." if sources else ""
    versions = ", ".join(f"{name} {text}" for name, text in sorted(result["versions"].items()))
    told = sorted({(run["case"], " ".join(run["words"])) for run in result["runs"] if run.get("words")})
    failed = f" {len(result['failed'])} sequences failed and are left out." if result["failed"] else ""
    notes = NONE if any(case.method == "none" for case in CASES if case.name in measured) else ""
    notes += ORDERS if any(name.startswith("permuted_mnist") for name in measured) else ""
    notes += "".join(f" {case} was told {words} besides." for case, words in told)
    return (
        f"{result['date']}. Means over seeds with Student's 95 % interval; `reached` holds the first of the "
        f"published values against it.{by}{notes}{failed} {versions}."
    )
