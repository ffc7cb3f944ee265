"""From the runs of a result file to the points of the plot. Pure functions of the file's content."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tlx.functional.intervals import t_interval

__all__ = ["FIGURES", "NONE", "Estimate", "Point", "points", "strengths"]

NONE = "none"
FIGURES = ("target", "source")
"""Accuracy on what was learned, and by the original head on what was known."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Args:
        mean: Of the values.
        interval: Student's 95 % interval of it; None for one seed.
    """

    mean: float
    interval: tuple[float, float] | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """From the value of each seed, at least one."""
        return cls(fmean(values), t_interval(values))


@dataclass(frozen=True)
class Point:
    """One method at one strength.

    Args:
        method: A choice of `regularizer`.
        strength: None where nothing protects.
        seeds: Of its runs.
        accuracy: By the names in `FIGURES`, shares.
        gain: The difference to the runs without protection, seed by seed; empty where there are none.
    """

    method: str
    strength: float | None
    seeds: tuple[int, ...]
    accuracy: dict[str, Estimate]
    gain: dict[str, Estimate]


def strengths(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """The methods in the order of the file, each with its strengths from weak to strong.

    >>> strengths([{"method": "ewc", "strength": 10.0}, {"method": "ewc", "strength": 1.0}])
    {'ewc': [1.0, 10.0]}
    """
    found: dict[str, set[float | None]] = {}
    for run in runs:
        found.setdefault(run["method"], set()).add(run["strength"])
    return {method: sorted(values, key=lambda value: value or 0.0) for method, values in found.items()}


def points(result: Mapping[str, Any]) -> Iterator[Point]:
    """Every method at every strength that was measured; what nothing protects comes as it stands in the file.

    A difference is taken between runs of the same seed, which share the head's first values, the order of
    the photos and how they are varied.
    """
    runs = result["runs"]
    bare = {run["seed"]: run for run in runs if run["method"] == NONE}
    for method, values in strengths(runs).items():
        for strength in values:
            found = {r["seed"]: r for r in runs if (r["method"], r["strength"]) == (method, strength)}
            shared = sorted(found.keys() & bare.keys()) if method != NONE else []
            yield Point(
                method,
                strength,
                tuple(sorted(found)),
                {name: Estimate.of([found[seed][name] for seed in sorted(found)]) for name in FIGURES},
                {name: Estimate.of([found[s][name] - bare[s][name] for s in shared]) for name in FIGURES}
                if shared
                else {},
            )
