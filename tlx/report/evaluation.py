"""What evaluation.json of a run directory holds, read and checked."""

import json
import re
import struct
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlx.errors import CheckpointError
from tlx.functional.intervals import wilson
from tlx.report.formats import finite

__all__ = ["Bin", "ClassScore", "Mistake", "SplitScores", "read_evaluation"]

IMAGE = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}")
SMALL_IMAGE = 64  # pixels; below it, enlarging shows the pixels instead of blurring them


@dataclass(frozen=True)
class ClassScore:
    """One class of a split; a score is None where it has no value."""

    name: str
    samples: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram; its means are None where it is empty."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


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
        samples: How many there are.
        metrics: `accuracy`, `f1`, `loss`, `calibration_error`; None where not finite.
        per_class: One line per class, in class order.
        confusion: K rows of K counts; a row is a true class.
        bins: Of the reliability diagram.
        mistakes: The worst first.
    """

    name: str
    samples: int
    metrics: dict[str, float | None]
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the accuracy."""
        accuracy = self.metrics["accuracy"]
        if accuracy is None:
            return None
        return wilson(min(max(round(accuracy * self.samples), 0), self.samples), self.samples)

    def confused_pairs(self, limit: int = 20) -> list[tuple[str, str, int, float]]:
        """The most confused pairs: true class, predicted class, count, share of the true class."""
        pairs = [
            (self.per_class[i].name, self.per_class[j].name, number, number / sum(row))
            for i, row in enumerate(self.confusion)
            for j, number in enumerate(row)
            if i != j and number > 0
        ]
        return sorted(pairs, key=lambda pair: (-pair[2], -pair[3]))[:limit]


def read_evaluation(path: Path) -> dict[str, SplitScores]:
    """Read evaluation.json: the scores of each split, by its name.

    Raises:
        CheckpointError: The file cannot be read, or its parts do not fit together.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        classes = [str(name) for name in raw["classes"]]
        return {str(name): _split(str(name), split, classes) for name, split in raw["splits"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"{path.name} cannot be used: {reason}", where=str(path), fix="tlx test RUN, which writes it anew"
        ) from error


def _split(name: str, raw: Mapping[str, Any], classes: Sequence[str]) -> SplitScores:
    confusion = tuple(tuple(int(number) for number in row) for row in raw["confusion"])
    if len(confusion) != len(classes) or any(len(row) != len(classes) for row in confusion):
        raise ValueError(f"the confusion matrix of {name} is not {len(classes)} by {len(classes)}")
    if len(raw["per_class"]) != len(classes):
        raise ValueError(f"{name} has {len(raw['per_class'])} lines per class for {len(classes)} classes")
    metrics = raw["metrics"]
    return SplitScores(
        name=name,
        samples=int(raw["samples"]),
        metrics={key: finite(metrics.get(key)) for key in ("accuracy", "f1", "loss", "calibration_error")},
        per_class=tuple(_class_score(line) for line in raw["per_class"]),
        confusion=confusion,
        bins=tuple(_bin(line) for line in raw["reliability"]),
        mistakes=tuple(_mistake(line, classes) for line in raw["mistakes"]),
    )


def _class_score(raw: Mapping[str, Any]) -> ClassScore:
    scores = [finite(raw.get(key)) for key in ("precision", "recall", "f1")]
    return ClassScore(str(raw["name"]), int(raw["samples"]), *scores)


def _bin(raw: Mapping[str, Any]) -> Bin:
    means = [finite(raw.get(key)) for key in ("confidence", "accuracy")]
    return Bin(float(raw["low"]), float(raw["high"]), int(raw["count"]), *means)


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
