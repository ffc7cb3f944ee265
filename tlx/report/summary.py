"""summary.json: the figures of a finished run under a closed list of keys."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.errors import ConfigError, unknown_name
from tlx.figures import FIGURES, OF_RUNS, figures_of
from tlx.report.document import write_text

__all__ = ["SUMMARY_KEYS", "write_summary"]

RUN_KEYS: dict[str, str] = {
    "model": "the backbone and head, by name",
    "weights": "where the backbone's weights came from",
    "data": "the data set, by name",
    "strategy": "the strategy, by name",
    "task": "multiclass, multilabel or regression, which decides the figures",
    "seed": "the seed of every random choice",
    "ended": "why training ended",
    "monitor": "the figure that chose the best epoch; epoch: the last one counts",
    "best/epoch": "the epoch the weights and figures come from, counted from 1",
    "best/phase": "the phase of that epoch, counted from 0",
    "val/samples": "number of validation samples",
    "test/samples": "number of test samples",
    "train/samples": "number of training samples",
    "train/epochs": "epochs trained",
    "train/steps": "optimizer steps taken",
    "train/seconds": "wall time of training without validation, summed over resumes",
    "parameters/total": "parameters of backbone and head",
    "parameters/trainable": "the most parameters that train in any phase",
    "classes": "the names of the classes, or of the numbers, in order",
    "versions": "versions of Python and of the packages that matter, by name",
}
SOURCE_KEYS: dict[str, str] = {
    "source/accuracy_before": "share of source samples that the original head told right before the run",
    "source/accuracy_after": "the same after it, by the original head on the trained features",
    "source/forgetting": "accuracy before minus accuracy after",
    "source/forgetting_low": "lower end of its 95 % interval, from samples that only one told right",
    "source/forgetting_high": "upper end of it",
    "source/samples": "source samples that were measured",
    "source/samples_seen": "those of them that are in train or val too; null: that is not known",
    "source/data": "the source: the kind of data and where it lies",
    "source/split": "its split that was measured, test or val",
    "source/held_on_by": "the regularizers, each with its strength and what its settings became; none where "
    "nothing trains that begins with values that were known",
}
CALIBRATION_KEYS: dict[str, str] = {
    "val/temperature": "what divides logits for calibrated probabilities, fitted on the validation samples",
    "test/calibration_error_calibrated": "expected calibration error of the calibrated probabilities",
    "test/loss_calibrated": "mean loss of the calibrated probabilities",
}
"""Of tasks with classes."""
FIGURE_KEYS = {f"{split}/{name}": FIGURES[name].meaning for split in ("val", "test") for name in OF_RUNS}

SUMMARY_KEYS: dict[str, str] = {**RUN_KEYS, **FIGURE_KEYS, **CALIBRATION_KEYS, **SOURCE_KEYS}
"""Every key, and what it means. Which figures there are, the task decides, see `TASK_FIGURES`;
those under `test/` are there when a test split is, those under `source/` when a source is: all or none."""


def write_summary(path: Path, values: Mapping[str, Any]) -> None:
    """Write summary.json, in the order of `SUMMARY_KEYS`; a figure that is not finite becomes null.

    Args:
        path: The file, replaced as a whole.
        values: A value for every key of the run and every figure of its task; those under
            `test/` all or none, and so those under `source/`.

    Raises:
        ConfigError: A key is unknown or missing.
    """
    for key in values:
        if key not in SUMMARY_KEYS:
            raise unknown_name("summary key", key, SUMMARY_KEYS)
    tested = any(key.startswith("test/") for key in values)
    splits = ("val", "test") if tested else ("val",)
    expected = [key for key in RUN_KEYS if tested or not key.startswith("test/")]
    expected += [f"{split}/{name}" for split in splits for name in figures_of(values)]
    if "calibration_error" in figures_of(values):
        expected += [key for key in CALIBRATION_KEYS if tested or not key.startswith("test/")]
    if any(key.startswith("source/") for key in values):
        expected += SOURCE_KEYS
    missing = [key for key in expected if key not in values]
    if missing:
        raise ConfigError(
            f"a summary lacks {', '.join(missing)}", where=str(path), fix="a value for each key"
        )
    ordered = {key: _plain(values[key]) for key in SUMMARY_KEYS if key in values}
    write_text(path, json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
