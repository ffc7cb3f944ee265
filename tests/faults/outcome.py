"""What two runs must have in common to have ended alike."""

import csv
import json
from pathlib import Path
from typing import Any

import torch

from tlx.checkpoint.durable import file_hash, newest, read


def outcome(folder: Path) -> dict[str, Any]:
    """Everything a run leaves behind but its wall time."""
    summary = json.loads((folder / "summary.json").read_text())
    seconds = summary.pop("train/seconds")
    path = newest(folder / "checkpoints")
    state = read(path) if path else {}
    recorder = dict(state["callbacks"]["Recorder"])
    del recorder["seconds"]
    return {
        "weights": file_hash(folder / "bundle/model.safetensors"),
        "features": file_hash(folder / "bundle/features.safetensors"),
        "metrics": (folder / "metrics.csv").read_text(),
        "phases": (folder / "phases.json").read_text(),
        "evaluation": (folder / "evaluation.json").read_text(),
        "summary": summary,
        "state": _flat(state["state_dict"]),
        "optimizer": _flat(state["optimizer_states"]),
        "ledger": _flat(state["callbacks"]["Finetuning"]),
        "recorder": _flat(recorder),
        "timed": seconds > 0,
    }


def epochs(folder: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv."""
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The entries in which two outcomes differ."""
    return [name for name in one if one[name] != other[name]]


def _flat(value: Any) -> Any:
    """Tensors as the bits they hold."""
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes())
    if isinstance(value, dict):
        return {key: _flat(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_flat(item) for item in value]
    return value
