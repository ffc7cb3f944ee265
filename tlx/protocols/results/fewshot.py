"""What `tlx fewshot` answers: curves over labels, in their order, and where they cross."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean

from tlx.functional.crossing import crossings, log_area
from tlx.functional.intervals import paired_difference, t_interval, wilson

__all__ = ["Crossing", "Curve", "FewshotResult", "Point", "crossings_of", "ordered_curves"]

ROUNDING = 1e-9
"""Of accuracies, whose least difference is one sample."""


@dataclass(frozen=True)
class Point:
    """One arm at one number of labels.

    Args:
        shots: Labels of each class.
        values: Accuracy of each seed, which draws the labels too.
        mean: Of them.
        low: Of Student's 95 % interval over seeds; where they all say the same, of Wilson's over the reported
            samples; None of one seed.
        high: The same.
    """

    shots: int
    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Curve:
    """One arm.

    Args:
        name: `probe`, or the words of a strategy.
        points: In the order of their labels.
        area: Mean accuracy over the log of the labels.
        behind: Area of the first curve minus its own; None of the first.
        behind_low: Of Student's 95 % interval of that over seeds, paired, for arms of one seed have the same
            labels; where all seeds say the same, of `paired_difference` as if only so many samples were told
            differently; None of one seed.
        behind_high: The same.
    """

    name: str
    points: tuple[Point, ...]
    area: float
    behind: float | None = None
    behind_low: float | None = None
    behind_high: float | None = None


@dataclass(frozen=True)
class Crossing:
    """Where two mean curves cross.

    Args:
        below: The arm that is better with fewer labels.
        above: The one that is better with more.
        shots: Labels of each class, interpolated between measured numbers by a straight line in log.
        first: The measured number of labels at or below that.
        last: The one at or above it.
        told_apart: Whether `below` is ahead at a number of labels up to there and `above` at one from there
            on, by paired 95 % intervals as in `Curve`.
    """

    below: str
    above: str
    shots: float
    first: int
    last: int
    told_apart: bool


@dataclass(frozen=True)
class FewshotResult:
    """The answer of `tlx fewshot`.

    Args:
        curves: The greatest area first.
        crossings: Of every pair of curves, with fewer labels first.
        seeds: Of the draws and the runs.
        reported_on: "test" or "val".
        reported: Samples.
        warnings: What makes the answer less than it looks.
    """

    curves: tuple[Curve, ...]
    crossings: tuple[Crossing, ...]
    seeds: tuple[int, ...]
    reported_on: str
    reported: int
    warnings: tuple[str, ...]

    def figures(self) -> dict[str, float | None]:
        """The greatest area."""
        return {f"{self.reported_on}/few_shot_area": self.curves[0].area}

    def texts(self) -> dict[str, str]:
        """Whose it is, told apart from the others or not."""
        return {"greatest_area/arm": self.curves[0].name}


def ordered_curves(
    shots: Sequence[int], tables: Sequence[tuple[str, Sequence[Sequence[float]]]], samples: int
) -> tuple[Curve, ...]:
    """The curves of several arms, the greatest area first, and how far behind it the others are.

    Args:
        shots: Labels of each class, rising.
        tables: The name of each arm, and for each number of labels the accuracy of every seed.
        samples: That each accuracy is of.
    """
    found = []
    for name, table in tables:
        points = tuple(_point(number, values, samples) for number, values in zip(shots, table, strict=True))
        found.append(Curve(name, points, log_area(shots, [point.mean for point in points])))
    if not found:
        return ()
    first, *others = sorted(found, key=lambda curve: -curve.area)
    best = _areas(first)
    return (first, *(_beside(each, best, first.area, samples) for each in others))


def crossings_of(curves: Sequence[Curve], samples: int) -> tuple[Crossing, ...]:
    """Where the mean curves of each pair cross, with fewer labels first.

    Args:
        curves: Of the same numbers of labels.
        samples: That each accuracy is of.
    """
    pairs = combinations(curves, 2)
    found = [place for first, second in pairs for place in _crossings(first, second, samples)]
    return tuple(sorted(found, key=lambda crossing: crossing.shots))


def _crossings(one: Curve, other: Curve, samples: int) -> list[Crossing]:
    shots = [point.shots for point in one.points]
    means = [[point.mean for point in curve.points] for curve in (one, other)]
    found = []
    for place in crossings(shots, *means):
        few = max(n for n, number in enumerate(shots) if number < place and means[0][n] != means[1][n])
        below, above = (one, other) if means[0][few] > means[1][few] else (other, one)
        found.append(
            Crossing(
                below.name,
                above.name,
                place,
                max(number for number in shots if number <= place),
                min(number for number in shots if number >= place),
                any(n <= place for n in _led(below, above, samples))
                and any(n >= place for n in _led(above, below, samples)),
            )
        )
    return found


def _led(ahead: Curve, behind: Curve, samples: int) -> list[int]:
    """Numbers of labels at which the first arm is ahead of the second beyond chance."""
    pairs = zip(ahead.points, behind.points, strict=True)
    return [one.shots for one, other in pairs if (_bounds(one.values, other.values, samples)[0] or 0.0) > 0]


def _beside(curve: Curve, best: Sequence[float], area: float, samples: int) -> Curve:
    low, high = _bounds(best, _areas(curve), samples)
    return replace(curve, behind=area - curve.area, behind_low=low, behind_high=high)


def _areas(curve: Curve) -> list[float]:
    """The area of each seed."""
    by_seed = zip(*(point.values for point in curve.points), strict=True)
    return [log_area([point.shots for point in curve.points], values) for values in by_seed]


def _bounds(one: Sequence[float], other: Sequence[float], samples: int) -> tuple[float | None, float | None]:
    """Of the mean difference; None of one seed."""
    differences = [a - b for a, b in zip(one, other, strict=True)]
    bounds = t_interval(differences)
    if bounds is None or not _agree(differences):
        return bounds or (None, None)
    told = round(fmean(differences) * samples)
    return paired_difference(max(told, 0), max(-told, 0), samples)


def _point(shots: int, values: Sequence[float], samples: int) -> Point:
    mean, bounds = fmean(values), t_interval(values)
    if bounds is None:
        return Point(shots, tuple(values), mean, None, None)
    low, high = wilson(mean * samples, samples) if _agree(values) else bounds
    return Point(shots, tuple(values), mean, max(low, 0.0), min(high, 1.0))


def _agree(values: Sequence[float]) -> bool:
    """Whether all seeds say the same, so that an interval over them would have no width."""
    return max(values) - min(values) < ROUNDING
