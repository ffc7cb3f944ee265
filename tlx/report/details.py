"""What the page shows of one split, by task."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tlx.figures import FIGURES
from tlx.report.calibration import calibration
from tlx.report.diagrams import block_size, confusion_map, density
from tlx.report.evaluation import CLASS_COLUMNS, ClassScore, SplitScores
from tlx.report.formats import figure, label, percent, words

__all__ = ["SPLIT_NAMES", "split_details"]

SPLIT_NAMES = {"val": "Validation", "test": "Test"}
NUMBERED_CLASSES = 20  # above it a confusion matrix is shades and a list of pairs
CLASS_LINES = 20
DENSITIES = 12
MISTAKES = 24
SHARES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
"""Titles of what is measured of a class and is called otherwise, or not at all, as a figure."""

STRENGTHS = {"multiclass": "f1", "multilabel": "average_precision", "regression": "r2"}
"""The column that says which class or number is weakest; more is better."""

COUNTED = {"multiclass": "Samples", "multilabel": "Positives", "regression": ""}


def split_details(scores: SplitScores) -> dict[str, Any]:
    """The values of the template's section for one split."""
    columns = CLASS_COLUMNS[scores.task]
    lines = [_line(number, score, columns) for number, score in _weakest_first(scores)]
    return {
        "name": SPLIT_NAMES.get(scores.name, label(scores.name)),
        "key": "test" if scores.name == "test" else "val",
        "task": scores.task,
        "scores": scores,
        "counted": COUNTED[scores.task],
        "columns": [SHARES.get(column) or FIGURES[column].title for column in columns],
        "lines": lines[:CLASS_LINES],
        "other_lines": lines[CLASS_LINES:],
        "strength": SHARES.get(STRENGTHS[scores.task]) or words(STRENGTHS[scores.task]),
        "mistakes": scores.mistakes[:MISTAKES],
        **PARTS[scores.task](scores),
    }


def _line(number: int, score: ClassScore, columns: Sequence[str]) -> dict[str, Any]:
    """One row of the table of classes or numbers."""
    cells = [
        percent(score.values[column]) if column in SHARES else figure(column, score.values[column])
        for column in columns
    ]
    return {"number": number, "name": score.name, "samples": score.samples, "cells": cells}


def _weakest_first(scores: SplitScores) -> list[tuple[int, ClassScore]]:
    """Classes or numbers and their positions; those without samples or without a value last."""

    def strength(line: tuple[int, ClassScore]) -> tuple[bool, float]:
        value = line[1].values[STRENGTHS[scores.task]]
        return line[1].samples == 0, math.inf if value is None else value

    return sorted(enumerate(scores.per_class), key=strength)


def _multiclass(scores: SplitScores) -> dict[str, Any]:
    few = len(scores.confusion) <= NUMBERED_CLASSES
    return {
        "cells": _cells(scores) if few else None,
        "map": None if few else confusion_map(scores.confusion, scores.name),
        "block": block_size(len(scores.confusion)),
        "pairs": scores.confused_pairs(12),
        **calibration(scores),
    }


def _cells(scores: SplitScores) -> list[dict[str, Any]]:
    """The rows of a confusion matrix; a shade grows with the root of the share of the true class."""
    return [
        {
            "name": score.name,
            "cells": [
                {
                    "count": number,
                    "right": i == j,
                    "shade": round(10 + 45 * math.sqrt(number / sum(row))) if number else 0,
                }
                for j, number in enumerate(row)
            ],
        }
        for i, (score, row) in enumerate(zip(scores.per_class, scores.confusion, strict=True))
    ]


def _multilabel(scores: SplitScores) -> dict[str, Any]:
    return {"map": None, **calibration(scores, "answers")}


def _regression(scores: SplitScores) -> dict[str, Any]:
    shown = _weakest_first(scores)[:DENSITIES]
    return {
        "map": None,
        "densities": [
            {
                "name": score.name,
                "plot": density(score, number, scores.name),
                "values": [(FIGURES[key].title, figure(key, value)) for key, value in score.values.items()],
            }
            for number, score in shown
        ],
    }


PARTS: Mapping[str, Callable[[SplitScores], dict[str, Any]]] = {
    "multiclass": _multiclass,
    "multilabel": _multilabel,
    "regression": _regression,
}
