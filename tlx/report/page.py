"""The page of a run: from its directory to one self-contained report.html."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tlx.errors import TlxError
from tlx.functional.intervals import wilson
from tlx.report.document import render, write_text
from tlx.report.evaluation import ClassScore, SplitScores
from tlx.report.formats import count, decimal, duration, finite, label, millions, percent, percent_range
from tlx.report.phases import phase_rows, phase_spans
from tlx.report.plots import block_size, confusion_map, curves, rate_map, reliability
from tlx.report.run_files import RunFiles, read_run

__all__ = ["write_page"]

NUMBERED_CLASSES = 20  # above it a confusion matrix is shades and a list of pairs
CLASS_LINES = 20
MISTAKES = 24
SPLIT_NAMES = {"val": "Validation", "test": "Test"}
Made = TypeVar("Made")


def write_page(run: Path) -> Path:
    """Write report.html of a run from the files in its directory alone.

    A run that is unfinished or failed gives a page that says so, with what there is; a
    missing or damaged file becomes a note on the page.

    Args:
        run: A run directory.

    Returns:
        The page.

    Raises:
        CheckpointError: There is no such directory.
    """
    files = read_run(run)
    notes = list(files.notes)
    values = {
        "title": _title(files),
        "run": files,
        "headline": _try(notes, "the headline", lambda: _headline(files)),
        "figures": _try(notes, "the figures", lambda: _figures(files)),
        "facts": _try(notes, "the facts", lambda: _facts(files)),
        "versions": _versions(files),
        "phases": _try(notes, "the phases", lambda: phase_rows(files)) if files.plan else None,
        "plots": _try(notes, "the curves", lambda: _plots(files)),
        "splits": _try(notes, "the evaluation", lambda: _splits(files)) or [],
        "mistakes_shown": MISTAKES,
    }
    return write_text(run / "report.html", render("page.html.jinja", **values, notes=notes))


def _try(notes: list[str], what: str, make: Callable[[], Made]) -> Made | None:
    """One part of the page; a part that its file does not bear out becomes a note."""
    try:
        return make()
    except (TlxError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        notes.append(f"{what} could not be shown: {type(error).__name__}: {error}")
        return None


def _name(files: RunFiles, group: str) -> str | None:
    """What a group of the config was; before there is a summary, the end of its `_target_`."""
    if files.summary.get(group):
        return label(files.summary[group])
    node = files.settings.get(group)
    if isinstance(node, Mapping):
        return label(node.get("name") or str(node.get("_target_", "")).rpartition(".")[2])
    return None


def _title(files: RunFiles) -> str:
    model, data, strategy = (_name(files, group) for group in ("model", "data", "strategy"))
    if model is None or data is None or strategy is None:
        return label(files.path.resolve().name)
    return f"{model} on {data}, {strategy}"


def _headline(files: RunFiles) -> dict[str, Any] | None:
    split = "test" if "test/accuracy" in files.summary else "val"
    accuracy = finite(files.summary.get(f"{split}/accuracy"))
    if accuracy is None:
        return _headline_so_far(files)
    samples = int(files.summary[f"{split}/samples"])
    source = f"Weights of epoch {count(files.best_epoch)}, the best by {label(files.monitor)}"
    if split == "val":
        honesty = "Validation chose that epoch, so this leans to the good side; there is no test split."
    else:
        val = percent(files.summary.get("val/accuracy"))
        honesty = f"The test samples chose nothing. Validation, which chose the epoch, has {val}."
    return {
        "label": f"{SPLIT_NAMES[split]} accuracy",
        "figure": percent(accuracy),
        "range": f"95 % interval {percent_range(_interval(accuracy, samples))}, {count(samples)} samples",
        "source": f"{source}. {honesty}",
    }


def _headline_so_far(files: RunFiles) -> dict[str, Any] | None:
    row = files.epoch(files.best_epoch)
    if not row:
        return None
    return {
        "label": f"Best {label(files.monitor)} so far",
        "figure": decimal(row.get(files.monitor)),
        "range": f"epoch {count(files.best_epoch)} of {len(files.metrics)} completed",
        "source": "The run is not over: this is no result. It comes from metrics.csv, without an interval.",
    }


def _interval(accuracy: float, samples: int) -> tuple[float, float]:
    return wilson(min(max(round(accuracy * samples), 0), samples), samples)


def _figures(files: RunFiles) -> list[dict[str, Any]]:
    """One line per split: what was measured on how many samples."""
    lines: list[dict[str, Any]] = []
    for split, name in reversed(SPLIT_NAMES.items()):
        accuracy = finite(files.summary.get(f"{split}/accuracy"))
        if accuracy is None:
            continue
        values = {key: files.summary.get(f"{split}/{key}") for key in ("f1", "loss", "calibration_error")}
        samples = int(files.summary[f"{split}/samples"])
        note = "chose the epoch" if split == "val" else "chose nothing"
        interval = _interval(accuracy, samples)
        lines.append({"name": name, "note": note, "accuracy": accuracy, "interval": interval} | values)
        lines[-1]["samples"] = samples
    return lines


def _facts(files: RunFiles) -> list[tuple[str, str]]:
    """What the run was, for people: term and description."""
    given = files.summary
    classes = given.get("classes")
    classes = len(classes) if isinstance(classes, list | tuple | dict) else classes
    splits = [
        f"{count(given[key])} {word}"
        for key, word in (("train/samples", "train"), ("val/samples", "validation"), ("test/samples", "test"))
        if given.get(key) is not None
    ]
    best = f"{count(files.best_epoch)}, by {label(files.monitor)}" if files.best_epoch else None
    parameters = given.get("parameters/total", files.plan.get("total_parameters"))
    trained = given.get("parameters/trainable")
    facts: list[tuple[str, Any]] = [
        ("Model", _name(files, "model")),
        ("Weights", label(given["weights"], 80) if given.get("weights") is not None else None),
        ("Data", _name(files, "data")),
        ("Strategy", _name(files, "strategy")),
        ("Seed", given.get("seed", files.settings.get("seed"))),
        ("Samples", ", ".join(splits)),
        ("Classes", classes),
        ("Parameters", f"{millions(parameters)} in all" if parameters is not None else None),
        ("Trainable at most", millions(trained) if trained is not None else None),
        ("Epochs", count(given.get("train/epochs", len(files.metrics)))),
        ("Optimizer steps", count(given["train/steps"]) if given.get("train/steps") is not None else None),
        ("Training time", duration(given["train/seconds"]) if "train/seconds" in given else None),
        ("Best epoch", best),
        ("Training ended", label(given["ended"], 200) if given.get("ended") else None),
        ("Resumed", _times(files.state.get("resumes"))),
    ]
    return [(term, label(value, 200)) for term, value in facts if value not in (None, "")]


def _times(number: Any) -> str | None:
    times = finite(number)
    return None if not times else "once" if times == 1 else f"{count(times)} times"


def _versions(files: RunFiles) -> str:
    versions = files.summary.get("versions")
    if not isinstance(versions, Mapping):
        return ""
    return ", ".join(f"{label(name)} {label(version)}" for name, version in versions.items())


def _plots(files: RunFiles) -> list[Any]:
    spans = phase_spans(files)
    parts = [*files.plan.get("stages", []), "head"]
    drawn = [curves(files.metrics, value, spans, files.best_epoch) for value in ("loss", "accuracy")]
    return [plot for plot in (*drawn, rate_map(files.metrics, parts, spans)) if plot is not None]


def _splits(files: RunFiles) -> list[dict[str, Any]]:
    """What the page shows of each split, the test split first."""
    order = sorted(files.splits.values(), key=lambda scores: scores.name != "test")
    return [
        {
            "name": SPLIT_NAMES.get(scores.name, label(scores.name)),
            "key": "test" if scores.name == "test" else "val",
            "scores": scores,
            "cells": _cells(scores) if len(scores.confusion) <= NUMBERED_CLASSES else None,
            "map": confusion_map(scores.confusion, scores.name)
            if len(scores.confusion) > NUMBERED_CLASSES
            else None,
            "block": block_size(len(scores.confusion)),
            "pairs": scores.confused_pairs(12),
            "reliability": reliability(scores.bins, scores.name),
            "classes": _classes(scores),
            "class_lines": CLASS_LINES,
        }
        for scores in order
    ]


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


def _classes(scores: SplitScores) -> list[tuple[int, ClassScore]]:
    """Classes and their numbers, the weakest F1 first, those without samples last."""

    def strength(line: tuple[int, ClassScore]) -> tuple[bool, float]:
        return line[1].samples == 0, 1.0 if line[1].f1 is None else line[1].f1

    return sorted(enumerate(scores.per_class), key=strength)
