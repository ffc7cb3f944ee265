"""What is in a run directory, read so that a half-written or missing file is a note, not an end."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlx.errors import CheckpointError
from tlx.figures import FIGURES, TASK_FIGURES
from tlx.report.evaluation import SplitScores, read_evaluation
from tlx.report.formats import finite

__all__ = ["RunFiles", "read_json", "read_metrics", "read_run"]

UNFINISHED = ("running", "interrupted", "failed")


@dataclass(frozen=True)
class RunFiles:
    """The readable part of a run directory.

    Args:
        path: The directory.
        state: state.json; empty when it is missing.
        plan: plan.json.
        phases: phases.json: the phases that are over.
        metrics: The rows of metrics.csv, in order.
        summary: summary.json.
        config: config.yaml, as text.
        settings: config.yaml, parsed.
        splits: evaluation.json, by split.
        notes: What is missing or cannot be read, for people.
    """

    path: Path
    state: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    phases: tuple[Mapping[str, Any], ...] = ()
    metrics: tuple[dict[str, float], ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    splits: Mapping[str, SplitScores] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """One of finished, running, interrupted, failed, unknown; a summary alone means finished."""
        status = str(self.state.get("status", "unknown"))
        if self.summary and status in ("running", "unknown"):
            return "finished"
        if status == "finished" and not self.summary:
            return "unknown"
        return status if status in (*UNFINISHED, "finished") else "unknown"

    @property
    def monitor(self) -> str:
        """The figure that chooses the best epoch."""
        return str(self.summary.get("monitor") or self.settings.get("monitor") or "val/accuracy")

    @property
    def task(self) -> str:
        """What the run learns, which decides its figures."""
        node = self.settings.get("task")
        planned = str(node.get("_target_", "")).split(".")[-2:-1] if isinstance(node, Mapping) else []
        named = str(self.summary.get("task") or next(iter(planned), ""))
        return named if named in TASK_FIGURES else "multiclass"

    @property
    def best_epoch(self) -> int | None:
        """The best epoch by the monitor, counted from 1; of a run not finished, the best so far."""
        chosen = finite(self.summary.get("best/epoch"))
        if chosen is not None:
            return int(chosen)
        known_figure = FIGURES.get(self.monitor.partition("/")[2])
        sign = -1.0 if known_figure is not None and not known_figure.higher else 1.0
        known = [row for row in self.metrics if finite(row.get(self.monitor)) is not None]
        best = max(known, key=lambda row: sign * row[self.monitor], default=None)
        return None if best is None else int(best["epoch"])

    def epoch(self, number: int | None) -> Mapping[str, float]:
        """The metrics of one epoch; empty when there are none."""
        return next((row for row in self.metrics if row["epoch"] == number), {})


def read_run(path: Path) -> RunFiles:
    """Read what a run directory holds. Never fails for its contents.

    Raises:
        CheckpointError: There is no such directory.
    """
    if not path.is_dir():
        raise CheckpointError(f"no run directory {path}", fix="the path that tlx fit printed")
    notes: list[str] = []
    config = _text(path / "config.yaml", notes)
    return RunFiles(
        path=path,
        state=_mapping(path / "state.json", notes),
        plan=_mapping(path / "plan.json", notes),
        phases=_mappings(path / "phases.json", notes),
        metrics=_metrics(path / "metrics.csv", notes),
        summary=_mapping(path / "summary.json", notes),
        config=config,
        settings=_settings(config, notes),
        splits=_splits(path / "evaluation.json", notes),
        notes=tuple(notes),
    )


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        CheckpointError: It is missing, or it is no JSON; `what` says which.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.name} is missing", where=str(path)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name} cannot be read: {error}", where=str(path)) from error


def _read(path: Path, notes: list[str]) -> Any:
    try:
        return read_json(path)
    except CheckpointError as error:
        notes.append(error.what)
        return None


def _mapping(path: Path, notes: list[str]) -> Mapping[str, Any]:
    value = _read(path, notes)
    if value is not None and not isinstance(value, dict):
        notes.append(f"{path.name} holds no mapping")
    return value if isinstance(value, dict) else {}


def _mappings(path: Path, notes: list[str]) -> tuple[Mapping[str, Any], ...]:
    value = _read(path, notes)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(line, dict) for line in value):
        notes.append(f"{path.name} holds no list of mappings")
        return ()
    return tuple(value)


def _text(path: Path, notes: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        notes.append(f"{path.name} is missing")
        return ""


def _settings(config: str, notes: list[str]) -> Mapping[str, Any]:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    try:
        value = yaml.safe_load(config)
    except (yaml.YAMLError, RecursionError, ValueError):
        notes.append("config.yaml is no YAML")
        return {}
    return value if isinstance(value, dict) else {}


def _splits(path: Path, notes: list[str]) -> Mapping[str, SplitScores]:
    if not path.exists():
        notes.append(f"{path.name} is missing")
        return {}
    try:
        return read_evaluation(path)
    except CheckpointError as error:
        notes.append(error.what)
        return {}


def _metrics(path: Path, notes: list[str]) -> tuple[dict[str, float], ...]:
    try:
        return read_metrics(path)
    except CheckpointError as error:
        notes.append(error.what)
        return ()


def read_metrics(path: Path) -> tuple[dict[str, float], ...]:
    """The rows of a metrics.csv; a value that is no number is NaN, a row without an epoch is left out.

    Raises:
        CheckpointError: It is missing or no CSV.
    """
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path.name} is missing", where=str(path)) from error
    except (OSError, csv.Error) as error:
        raise CheckpointError(f"{path.name} cannot be read: {error}", where=str(path)) from error
    read = [
        {
            key: float("nan") if (number := finite(value)) is None else number
            for key, value in row.items()
            if isinstance(key, str)
        }
        for row in rows
    ]
    return tuple(row for row in read if row.get("epoch", 0.0) >= 1)
