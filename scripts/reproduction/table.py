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
    return f"| {' | '.join([*cells, published, verdict(values, case.published[0][0])])} |"


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


def caption(result: Mapping[str, Any]) -> str:
    """Whose values they are, and what the intervals are."""
    measured = {run["case"] for run in result["runs"]}
    sources = dict.fromkeys(where for case in CASES if case.name in measured for _, where in case.published)
    versions = ", ".join(f"{name} {text}" for name, text in sorted(result["versions"].items()))
    failed = f" {len(result['failed'])} sequences failed and are left out." if result["failed"] else ""
    return (
        f"{result['date']}. Means over seeds with Student's 95 % interval; `reached` holds the first of the "
        f"published values against it. Published by, in this order where they have a value: "
        f"{'; '.join(sources)}.{failed} {versions}."
    )
