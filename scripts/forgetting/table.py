"""A result file as a table for the terminal and the README. Pure functions of the file's content."""

from collections.abc import Mapping
from typing import Any

from scripts.forgetting.points import FIGURES, Estimate, Point, points

__all__ = ["before", "caption", "markdown"]

HEAD = ("`regularizer=`", "strength", "ants and bees, %", "against none", "ImageNet, %", "against none")


def markdown(result: Mapping[str, Any]) -> str:
    """A row for each method and strength."""
    rows = [_row(point) for point in points(result)]
    return "\n".join([f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *rows])


def _row(point: Point) -> str:
    strength = "" if point.strength is None else f"{point.strength:g}"
    cells = [f"`{point.method}`", strength]
    for name in FIGURES:
        cells += [_said(point.accuracy[name]), _said(point.gain[name], "+") if point.gain else ""]
    return f"| {' | '.join(cells)} |"


def _said(value: Estimate, sign: str = "") -> str:
    """Percent, or points, with the interval where there is one.

    >>> _said(Estimate(0.5, (0.25, 0.75))), _said(Estimate(0.01, None), "+")
    ('50.0 [25.0, 75.0]', '+1.0')
    """
    numbers = [value.mean, *(value.interval or ())]
    mean, *bounds = (f"{100 * number:{sign}.1f}".replace("-", "\N{MINUS SIGN}") for number in numbers)
    return f"{mean} [{', '.join(bounds)}]" if bounds else mean


def before(result: Mapping[str, Any]) -> float:
    """Accuracy of the original network on the photos that measure, a share; the same for every run.

    Raises:
        SystemExit: Runs started from different networks.
    """
    found = {run["source_before"] for run in result["runs"]}
    if len(found) != 1:
        raise SystemExit(f"the runs started from networks of accuracy {sorted(found)}: measure them anew")
    return float(found.pop())


def caption(result: Mapping[str, Any]) -> str:
    """What was measured, on what, and what the intervals do not cover."""
    counts, samples = result["source"], result["samples"]
    seeds = len({run["seed"] for run in result["runs"]})
    settings = ", ".join(f"{name} {value}" for name, value in result["settings"].items())
    versions = ", ".join(f"{name} {text}" for name, text in sorted(result["versions"].items()))
    failed = f" {len(result['failed'])} runs failed and are left out." if result["failed"] else ""
    return (
        f"{result['date']}, {settings}; {samples['train']} photos of ants and bees to learn, "
        f"{samples['val']} that choose the epoch, {samples['test']} that measure; {counts['protecting']} "
        f"photos of ImageNet to hold on to, {counts['measuring']} of other classes that measure, of which "
        f"the original network tells {100 * before(result):.1f} % right among 1000 classes. Means of "
        f"{seeds} seed{'' if seeds == 1 else 's'} with 95 % intervals over seeds, which do not cover another "
        f"choice of photos; differences are paired by seed.{failed} {versions}."
    )
