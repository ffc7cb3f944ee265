"""What evaluation.json of a run directory holds, read and checked."""

import json
import re
import struct
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tlx.errors import CheckpointError
from tlx.figures import TASK_FIGURES
from tlx.functional.intervals import wilson
from tlx.report.formats import finite

__all__ = [
    "CLASS_COLUMNS",
    "Bin",
    "Calibrated",
    "ClassScore",
    "Mistake",
    "SplitScores",
    "Temperature",
    "accuracy_interval",
    "read_evaluation",
]

CLASS_COLUMNS: dict[str, tuple[str, ...]] = {
    "multiclass": ("precision", "recall", "f1"),
    "multilabel": ("average_precision", "precision", "recall", "f1"),
    "regression": ("mae", "rmse", "r2"),
}
"""What is measured of each class, or of each number, by task."""

IMAGE = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}")
SMALL_IMAGE = 64  # pixels; below it, enlarging shows the pixels instead of blurring them


@dataclass(frozen=True)
class ClassScore:
    """One class of a split, or one number.

    Args:
        name: Of the class or number.
        samples: Of the class; with many classes a sample, its positives; of a number, all.
        values: By the columns of the task; None where there is no value.
        range: Of a number: its least and greatest target in training, which bound the density.
        density: Of a number: how often which target met which prediction, rows by target; else empty.
    """

    name: str
    samples: int
    values: Mapping[str, float | None]
    range: tuple[float, float] | None = None
    density: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram; its means are None where it is empty."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Temperature:
    """What the run divides logits by, on how many validation samples it was fitted, and how that ended."""

    value: float
    samples: int
    ended: str


@dataclass(frozen=True)
class Calibrated:
    """What the temperature makes of a split it was not fitted on."""

    metrics: Mapping[str, float | None]
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Mistake:
    """A sample the network got wrong, and how sure it was."""

    name: str
    target: str
    predicted: str
    probability: float | None
    loss: float | None
    image: str | None  # a data: address
    text: str | None
    pixelated: bool  # whether the image is so small that its pixels should show


@dataclass(frozen=True)
class SplitScores:
    """Everything that was measured on one split.

    Args:
        name: "val" or "test".
        task: A key of `TASK_FIGURES`.
        samples: How many there are.
        metrics: The figures of the task; None where not finite.
        intervals: 95 % intervals of figures that have one of their own.
        per_class: One line per class or number, in order.
        confusion: K rows of K counts, a row is a true class; empty but for multiclass.
        bins: Of the reliability diagram; empty where nothing is a probability.
        mistakes: The worst first.
        temperature: Of the run; None where nothing is a probability, or in runs of before there was one.
        calibrated: What it makes of this split, unless it was fitted on it.
    """

    name: str
    task: str
    samples: int
    metrics: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]
    mistakes: tuple[Mistake, ...]
    temperature: Temperature | None = None
    calibrated: Calibrated | None = None

    def confused_pairs(self, limit: int = 20) -> list[tuple[str, str, int, float]]:
        """The most confused pairs: true class, predicted class, count, share of the true class."""
        pairs = [
            (self.per_class[i].name, self.per_class[j].name, number, number / sum(row))
            for i, row in enumerate(self.confusion)
            for j, number in enumerate(row)
            if i != j and number > 0
        ]
        return sorted(pairs, key=lambda pair: (-pair[2], -pair[3]))[:limit]


def accuracy_interval(accuracy: float, samples: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of samples that are right.

    >>> [round(bound, 4) for bound in accuracy_interval(0.8, 10)]
    [0.4902, 0.9433]
    """
    return wilson(min(max(round(accuracy * samples), 0), samples), samples)


def read_evaluation(path: Path) -> dict[str, SplitScores]:
    """Read evaluation.json: the scores of each split, by its name. One without a task is multiclass.

    Raises:
        CheckpointError: The file cannot be read, or its parts do not fit together.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        task = raw.get("task", "multiclass")
        if task not in TASK_FIGURES:
            raise ValueError(f"there is no task {task!r}")
        classes = [str(name) for name in raw["classes"]]
        return {str(name): _split(str(name), split, task, classes) for name, split in raw["splits"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"{path.name} cannot be used: {reason}", where=str(path), fix="tlx test RUN, which writes it anew"
        ) from error


def _split(name: str, raw: Mapping[str, Any], task: str, classes: Sequence[str]) -> SplitScores:
    if len(raw["per_class"]) != len(classes):
        raise ValueError(f"{name} has {len(raw['per_class'])} lines per class for {len(classes)} classes")
    metrics = raw["metrics"]
    return SplitScores(
        name=name,
        task=task,
        samples=int(raw["samples"]),
        metrics={key: finite(metrics.get(key)) for key in TASK_FIGURES[task]},
        intervals={str(key): _range(*bounds) for key, bounds in raw.get("intervals", {}).items()},
        per_class=tuple(_class_score(line, task) for line in raw["per_class"]),
        confusion=_confusion(name, raw["confusion"], len(classes)) if task == "multiclass" else (),
        bins=() if task == "regression" else tuple(_bin(line) for line in raw["reliability"]),
        mistakes=tuple(_mistake(line, classes) for line in raw["mistakes"]),
        temperature=_temperature(raw.get("temperature")),
        calibrated=_calibrated(raw.get("calibrated")),
    )


def _confusion(name: str, raw: Sequence[Sequence[Any]], classes: int) -> tuple[tuple[int, ...], ...]:
    confusion = _counts(raw)
    if len(confusion) != classes or any(len(row) != classes for row in confusion):
        raise ValueError(f"the confusion matrix of {name} is not {classes} by {classes}")
    return confusion


def _counts(raw: Sequence[Sequence[Any]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(number) for number in row) for row in raw)


def _class_score(raw: Mapping[str, Any], task: str) -> ClassScore:
    values = {key: finite(raw.get(key)) for key in CLASS_COLUMNS[task]}
    score = ClassScore(str(raw["name"]), int(raw["samples"]), values)
    if task != "regression":
        return score
    density = _counts(raw["density"])
    if not density or any(len(row) != len(density) for row in density):
        raise ValueError(f"the density of {score.name} is not square")
    return replace(score, range=_range(raw["low"], raw["high"]), density=density)


def _range(low: Any, high: Any) -> tuple[float, float]:
    bounds = finite(low), finite(high)
    if bounds[0] is None or bounds[1] is None or bounds[0] > bounds[1]:
        raise ValueError(f"{low} to {high} is no range")
    return bounds[0], bounds[1]


def _bin(raw: Mapping[str, Any]) -> Bin:
    means = [finite(raw.get(key)) for key in ("confidence", "accuracy")]
    return Bin(float(raw["low"]), float(raw["high"]), int(raw["count"]), *means)


def _temperature(raw: Mapping[str, Any] | None) -> Temperature | None:
    if raw is None:
        return None
    value = finite(raw["value"])
    if value is None or value <= 0:
        raise ValueError(f"{raw['value']} is no temperature")
    return Temperature(value, int(raw["samples"]), str(raw["ended"]))


def _calibrated(raw: Mapping[str, Any] | None) -> Calibrated | None:
    if raw is None:
        return None
    metrics = {name: finite(raw["metrics"].get(name)) for name in ("calibration_error", "loss")}
    return Calibrated(metrics, tuple(_bin(line) for line in raw["reliability"]))


def _mistake(raw: Mapping[str, Any], classes: Sequence[str]) -> Mistake:
    image = raw.get("image")
    image = image if isinstance(image, str) and IMAGE.fullmatch(image) else None
    text = raw.get("text")
    return Mistake(
        name=str(raw.get("name", "")),
        target=_class_name(raw["target"], classes),
        predicted=_class_name(raw["predicted"], classes),
        probability=finite(raw.get("probability")),
        loss=finite(raw.get("loss")),
        image=image,
        text=None if text is None else str(text),
        pixelated=image is not None and _png_width(image) <= SMALL_IMAGE,
    )


def _class_name(which: Any, classes: Sequence[str]) -> str:
    return which if isinstance(which, str) else classes[int(which)]


def _png_width(address: str) -> int:
    """Pixels across, from the header of a PNG; a large number for what is none."""
    kind, _, encoded = address.partition(";base64,")
    if not kind.endswith("png") or len(encoded) < 32:
        return SMALL_IMAGE + 1
    return int(struct.unpack(">I", b64decode(encoded[:32])[16:20])[0])
