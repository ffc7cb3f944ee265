"""The runs of a sweep, as entries of a result file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.forgetting.points import NONE
from tlx.report.run_files import read_run
from tlx.report.sweep_jobs import read_jobs

__all__ = ["entries", "shared"]

FIGURES = {
    "target": "test/accuracy",
    "source": "source/accuracy_after",
    "source_before": "source/accuracy_before",
    "forgetting": "source/forgetting",
    "forgetting_low": "source/forgetting_low",
    "forgetting_high": "source/forgetting_high",
    "val": "val/accuracy",
    "epoch": "best/epoch",
    "seconds": "train/seconds",
}
"""What an entry holds, and the key of summary.json it comes from."""

SETTINGS = {
    "model": ("model", "name"),
    "image size": ("model", "image_size"),
    "batch size": ("data", "batch_size"),
    "epochs": ("strategy", "epochs"),
    "head rate": ("strategy", "head_rate"),
    "backbone rate": ("strategy", "backbone_rate"),
}
"""What all runs share and a reader wants to know, and where config.yaml has it."""


def entries(method: str, sweep: Path) -> Iterator[dict[str, Any]]:
    """Every run of a method's sweep: its figures, or the reason why it has none.

    Raises:
        CheckpointError: The sweep has no runs.
    """
    for job in read_jobs(sweep):
        settings = read_run(sweep / "jobs" / job.name).settings
        node = (settings.get("regularizer") or {}).get(method, {})
        entry = {
            "method": method,
            "strength": None if method == NONE else float(node["strength"]),
            "seed": int(settings["seed"]),
        }
        if job.finished:
            yield entry | {name: job.summary[key] for name, key in FIGURES.items()}
        else:
            yield entry | {"reason": job.reason}


def shared(sweep: Path) -> dict[str, Any]:
    """What finished runs of a sweep have in common: settings, numbers of photos, versions.

    Raises:
        CheckpointError: The sweep has no runs.
    """
    job = next((job for job in read_jobs(sweep) if job.finished), None)
    if job is None:
        return {}
    settings: Mapping[str, Any] = read_run(sweep / "jobs" / job.name).settings
    versions = dict(job.summary["versions"])
    return {
        "settings": {
            **{name: settings[group][key] for name, (group, key) in SETTINGS.items()},
            "epoch chosen by": settings["monitor"],
        },
        "samples": {split: job.summary[f"{split}/samples"] for split in ("train", "val", "test")},
        "versions": {name: versions[name] for name in ("python", "torch", "torchvision", "lightning", "tlx")},
    }
