"""The page of a run: from its directory to one self-contained report.html."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any, TypeVar

from tlx.errors import TlxError
from tlx.figures import FIGURES, LAST_EPOCH, TASK_FIGURES, TRAIN_FIGURE
from tlx.report.calibration import temperature_fact
from tlx.report.details import SPLIT_NAMES, split_details
from tlx.report.document import render, write_text
from tlx.report.evaluation import accuracy_interval
from tlx.report.forgotten import forgotten
from tlx.report.formats import (
    DASH,
    count,
    duration,
    figure,
    finite,
    label,
    millions,
    percent_range,
    words,
)
from tlx.report.phases import phase_rows, phase_spans, remarks
from tlx.report.plots import curves, rate_map, terms
from tlx.report.run_files import RunFiles, read_run

__all__ = ["write_page"]

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
        "remarks": (_try(notes, "the plan", lambda: remarks(files)) if files.plan else None) or [],
        "plots": _try(notes, "the curves", lambda: _plots(files)),
        "forgotten": _try(notes, "what was forgotten", lambda: forgotten(files)),
        "splits": _try(notes, "the evaluation", lambda: _splits(files)) or [],
        "task": files.task,
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


def _data(files: RunFiles) -> str | None:
    """The data's name, and that of the folder it lies in: `folder hymenoptera`."""
    name, node = _name(files, "data"), files.settings.get("data")
    root = node.get("root") if isinstance(node, Mapping) else None
    folder = PurePath(root).name if isinstance(root, str) else ""
    return name if name is None or folder in ("", "..", name) else f"{name} {label(folder)}"


def _title(files: RunFiles) -> str:
    model, data, strategy = _name(files, "model"), _data(files), _name(files, "strategy")
    if model is None or data is None or strategy is None:
        return label(files.path.resolve().name)
    return f"{model} on {data}, {strategy}"


def _headline(files: RunFiles) -> dict[str, Any] | None:
    name = TASK_FIGURES[files.task][0]
    split = "test" if f"test/{name}" in files.summary else "val"
    if f"{split}/{name}" not in files.summary:
        return _headline_so_far(files)
    value = files.summary[f"{split}/{name}"]
    samples = f"{count(files.summary[f'{split}/samples'])} samples"
    last = files.monitor == LAST_EPOCH
    which = "the last" if last else f"the best by {label(files.monitor)}"
    source = f"Weights of epoch {count(files.best_epoch)}, {which}"
    if last:
        honesty = f"No sample of {split} chose any weights."
    elif split == "val":
        honesty = "Validation chose that epoch, so this leans to the good side; there is no test split."
    else:
        val = figure(name, files.summary.get(f"val/{name}"))
        honesty = f"The test samples chose nothing. Validation, which chose the epoch, has {val}."
    return {
        "label": f"{SPLIT_NAMES[split]} {words(name)}{_of_what(files)}",
        "figure": figure(name, value),
        "range": f"{samples}, {_certainty(files, split, finite(value))}",
        "source": f"{source}. {honesty}",
    }


def _of_what(files: RunFiles) -> str:
    """What the headline of a regression is an error of."""
    numbers = files.summary.get("classes")
    if files.task != "regression" or not isinstance(numbers, list):
        return ""
    return f" of {label(numbers[0])}" if len(numbers) == 1 else f", mean over {len(numbers)} numbers"


def _certainty(files: RunFiles, split: str, value: float | None) -> str:
    """The interval of the headline in words, or why there is none."""
    bounds = _interval(files, split, value)
    if value is None:
        return "on which it has no value"
    if bounds is not None:
        return f"95 % interval {_range(TASK_FIGURES[files.task][0], bounds)}"
    if files.task == "multilabel":
        return "no interval: average precision ranks the samples and is no mean over them"
    return "no interval: it takes two samples, and evaluation.json would hold it"


def _interval(files: RunFiles, split: str, value: float | None) -> tuple[float, float] | None:
    """The 95 % interval of the headline: Wilson's of an accuracy, the measured one of a mean error."""
    if files.task == "multiclass":
        return None if value is None else accuracy_interval(value, int(files.summary[f"{split}/samples"]))
    scores = files.splits.get(split)
    return scores.intervals.get(TASK_FIGURES[files.task][0]) if scores is not None else None


def _range(name: str, bounds: tuple[float, float]) -> str:
    if FIGURES[name].share:
        return percent_range(bounds)
    return f"{figure(name, bounds[0])}{DASH}{figure(name, bounds[1])}"


def _headline_so_far(files: RunFiles) -> dict[str, Any] | None:
    row = files.epoch(files.best_epoch)
    if not row:
        return None
    last = files.monitor == LAST_EPOCH
    shown = f"val/{TASK_FIGURES[files.task][0]}" if last else files.monitor
    return {
        "label": f"{'Last' if last else 'Best'} {label(shown)} so far",
        "figure": figure(shown.partition("/")[2], row.get(shown)),
        "range": f"epoch {count(files.best_epoch)} of {len(files.metrics)} completed",
        "source": "The run is not over: this is no result. It comes from metrics.csv, without an interval.",
    }


def _figures(files: RunFiles) -> list[dict[str, Any]]:
    """One line per split: what was measured on how many samples, as titles and texts."""
    headline, *others = TASK_FIGURES[files.task]
    lines: list[dict[str, Any]] = []
    for split, name in reversed(SPLIT_NAMES.items()):
        if f"{split}/{headline}" not in files.summary:
            continue
        value = finite(files.summary[f"{split}/{headline}"])
        bounds = _interval(files, split, value)
        cells = [("Samples", count(files.summary[f"{split}/samples"]))]
        cells.append((FIGURES[headline].title, figure(headline, value)))
        if files.task != "multilabel":
            cells.append(("95 % interval", DASH if bounds is None else _range(headline, bounds)))
        cells += [(FIGURES[key].title, figure(key, files.summary.get(f"{split}/{key}"))) for key in others]
        lines.append({"name": name, "note": _chosen_by(files, split), "cells": cells})
    return lines


def _chosen_by(files: RunFiles, split: str) -> str:
    """What the samples of a split chose."""
    epoch = split == "val" and files.monitor != LAST_EPOCH
    temperature = split == "val" and "val/temperature" in files.summary
    chosen = ["the epoch"] * epoch + ["the temperature"] * temperature
    return f"chose {' and '.join(chosen) or 'nothing'}"


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
    why = "the last" if files.monitor == LAST_EPOCH else f"by {label(files.monitor)}"
    best = f"{count(files.best_epoch)}, {why}" if files.best_epoch else None
    temperature = next((scores.temperature for scores in files.splits.values()), None)
    parameters = given.get("parameters/total", files.plan.get("total_parameters"))
    trained = given.get("parameters/trainable")
    facts: list[tuple[str, Any]] = [
        ("Model", _name(files, "model")),
        ("Weights", label(given["weights"], 80) if given.get("weights") is not None else None),
        ("Data", _data(files)),
        ("Task", files.task),
        ("Strategy", _name(files, "strategy")),
        ("Seed", given.get("seed", files.settings.get("seed"))),
        ("Samples", ", ".join(splits)),
        ("Numbers" if files.task == "regression" else "Classes", classes),
        ("Parameters", f"{millions(parameters)} in all" if parameters is not None else None),
        ("Trainable at most", millions(trained) if trained is not None else None),
        ("Epochs", count(given.get("train/epochs", len(files.metrics)))),
        ("Optimizer steps", count(given["train/steps"]) if given.get("train/steps") is not None else None),
        ("Training time", duration(given["train/seconds"]) if "train/seconds" in given else None),
        ("Best epoch", best),
        ("Temperature", temperature_fact(temperature)),
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
    monitored = files.monitor.partition("/")[2]
    figures = ["loss", TRAIN_FIGURE[files.task], TASK_FIGURES[files.task][0], monitored]
    values = dict.fromkeys(name for name in figures if name)
    drawn = [curves(files.metrics, value, spans, files.best_epoch) for value in values]
    drawn += [terms(files.metrics, spans), rate_map(files.metrics, parts, spans)]
    return [plot for plot in drawn if plot is not None]


def _splits(files: RunFiles) -> list[dict[str, Any]]:
    """What the page shows of each split, the test split first."""
    order = sorted(files.splits.values(), key=lambda scores: scores.name != "test")
    more = {"last_counts": files.monitor == LAST_EPOCH, "tested": "test" in files.splits}
    return [split_details(scores) | more for scores in order]
