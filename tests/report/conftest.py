"""Run and sweep directories as fit writes them, made up from a seed."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.report.other_tasks import multilabel_split, regression_split
from tlx.figures import TASK_FIGURES, TRAIN_FIGURE

STAGES = ["stem", "layer1", "layer2", "layer3", "layer4"]
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert('2')>",
    "quotes ' \" & ampersand",
    "🦜🏳️‍🌈 emoji",
    "x" * 10_000,
    "עברית מימין לשמאל",
    "\u202egnp.exe",
    "line\nbreak\ttab\x00nul\x1b[31m",
    "$\\frac{1}{2}$ math",
    "{{ 7 * 7 }} {% raw %}",
    "",
]
PHASES = [
    {"name": "head", "trains": {"head": 1e-3}, "epochs": 4, "augment": False, "parameters": 5130},
    {
        "name": "+ layer4",
        "trains": {"layer4": 3e-4, "head": 1e-3},
        "epochs": 4,
        "patience": 2,
        "augment": True,
        "parameters": 8_398_858,
    },
    {
        "name": "+ layer3",
        "trains": {"layer2:norm": 1e-4, "layer3": 1e-4, "layer4": 3e-4, "head": 1e-3},
        "epochs": 6,
        "patience": 3,
        "augment": True,
        "parameters": 10_498_570,
    },
]
MONITORS = {"multiclass": "val/accuracy", "multilabel": "val/average_precision", "regression": "val/loss"}
DEFAULTS = {"patience": None, "schedule": "cosine", "warmup": 0.1, "reinitialise": []}


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def picture(seed: int, size: int) -> str:
    noise = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def make_split(
    classes: list[str], per_class: int, accuracy: float, kind: str, seed: int, task: str
) -> dict[str, Any]:
    """One split of evaluation.json; of multiclass worked out from a drawn confusion matrix."""
    if task != "multiclass":
        make = multilabel_split if task == "multilabel" else regression_split
        return make(classes, per_class * len(classes), kind, seed, picture)
    draw = np.random.default_rng(seed)
    size = len(classes)
    confusion = np.zeros((size, size), dtype=int)
    for true in range(size):
        right = draw.binomial(per_class, accuracy)
        confusion[true, true] = right
        for predicted in (true + 1 + draw.geometric(0.5, per_class - right)) % size:
            confusion[true, predicted] += 1
    total, right = int(confusion.sum()), np.diag(confusion)
    recall = right / np.maximum(confusion.sum(1), 1)
    precision = right / np.maximum(confusion.sum(0), 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    counts = draw.multinomial(total, np.linspace(0.2, 3, 15) ** 3 / sum(np.linspace(0.2, 3, 15) ** 3))
    bins = [
        {
            "low": b / 15,
            "high": (b + 1) / 15,
            "count": int(n),
            "confidence": (b + 0.5) / 15 if n else None,
            "accuracy": min(1.0, (b + 0.5) / 15 * 0.93) if n else None,
        }
        for b, n in enumerate(counts)
    ]
    mistakes = [
        {
            "id": number,
            "name": f"/data/insects/val/{classes[number % size]}/image_{number}.jpg"
            if kind == "image"
            else f"row {number}",
            "target": number % size,
            "predicted": (number + 1) % size,
            "probability": 0.999 - number / 100,
            "loss": 6.9 - number / 5,
            "image": picture(number, 8 if number % 2 else 96) if kind == "image" else None,
            "text": "a film that <b>means</b> well & goes nowhere, slowly. " * 4 if kind == "text" else None,
        }
        for number in range(12)
    ]
    return {
        "samples": total,
        "metrics": {
            "accuracy": float(right.sum() / total),
            "f1": float(f1.mean()),
            "loss": 0.41,
            "calibration_error": 0.052,
        },
        "per_class": [
            {
                "name": name,
                "samples": int(confusion[i].sum()),
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
            }
            for i, name in enumerate(classes)
        ],
        "confusion": confusion.tolist(),
        "reliability": bins,
        "mistakes": mistakes,
    }


def metric_rows(ends: list[int], epochs: int, task: str) -> list[dict[str, float]]:
    """Rows of metrics.csv over phases that end after the epochs in `ends`."""
    rows = []
    for epoch in range(1, epochs + 1):
        phase = sum(epoch > end for end in ends[:-1])
        gain = 1 - 0.85 ** (epoch + 3 * phase)
        row = {
            "epoch": epoch,
            "step": 8 * epoch,
            "phase": phase,
            "train/loss": 2.1 * (1 - gain) + 0.1,
            f"train/{TRAIN_FIGURE[task]}": 0.97 * gain,
            **{f"val/{name}": (0.94 - place / 100) * gain for place, name in enumerate(TASK_FIGURES[task])},
            "val/loss": 2.0 * (1 - gain) + 0.25,
        }
        trains = {part.partition(":")[0]: peak for part, peak in PHASES[phase]["trains"].items()}
        row |= {f"rate/{part}": trains.get(part, 0.0) * (1 - epoch / 40) for part in [*STAGES, "head"]}
        rows.append(row)
    return rows


def write_metrics(path: Path, rows: list[dict[str, float]]) -> None:
    lines = [",".join(rows[0])] + [",".join(repr(value) for value in row.values()) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def summary_of(
    splits: dict[str, Any], classes: list[str], model: str, strategy: str, seed: int, task: str
) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "model": model,
        "weights": "IMAGENET1K_V1",
        "data": "folder",
        "strategy": strategy,
        "task": task,
        "seed": seed,
        "ended": f"no better {MONITORS[task]} for 3 epochs",
        "monitor": MONITORS[task],
        "best/epoch": 9,
        "best/phase": 2,
        "train/samples": 24 * len(classes),
        "train/epochs": 12,
        "train/steps": 96,
        "train/seconds": 83.2 + seed,
        "parameters/total": 11_181_642,
        "parameters/trainable": 10_498_570,
        "classes": classes,
        "versions": {"python": "3.11.7", "tlx": "0.1.0", "torch": "2.15.0", "lightning": "2.6.6"},
    }
    for name, split in splits.items():
        summary |= {
            f"{name}/{key}": None if value != value else value for key, value in split["metrics"].items()
        }
        summary[f"{name}/samples"] = split["samples"]
    return summary


def make_run(
    path: Path,
    classes: list[str] | None = None,
    status: str = "finished",
    test: bool = True,
    kind: str = "image",
    strategy: str = "gradual_unfreezing",
    seed: int = 0,
    accuracy: float = 0.9,
    per_class: int = 20,
    epochs: int = 12,
    error: str = "out of memory: 3.1 GiB asked for",
    task: str = "multiclass",
) -> Path:
    """Write a run directory; one that is not finished has trained `epochs` epochs and has no result."""
    classes = classes or ["ants", "bees", "wasps"]
    path.mkdir(parents=True, exist_ok=True)
    model = "resnet18" if kind == "image" else "all-MiniLM-L6-v2"
    (path / "config.yaml").write_text(
        f"model:\n  _target_: tlx.backbones.torchvision.torchvision\n  name: {model}\n"
        "data:\n  _target_: tlx.data.folder.Folder\n  root: /data/insects\n"
        f"task:\n  _target_: tlx.tasks.{task}.{task.capitalize()}\n"
        f"strategy:\n  _target_: tlx.strategies.{strategy}.{strategy}\n"
        f"seed: {seed}\nmonitor: {MONITORS[task]}\n"
    )
    state: dict[str, Any] = {"status": status, "pid": 4711, "host": "box", "started": "2026", "resumes": 1}
    write_json(path / "state.json", state | ({"error": error} if status == "failed" else {}))
    phases = [DEFAULTS | phase for phase in PHASES]
    write_json(path / "plan.json", {"stages": STAGES, "phases": phases, "total_parameters": 11_181_642})
    reasons = ["its 4 epochs are over", *(f"no better {MONITORS[task]} for {n} epochs" for n in (2, 3))]
    ends = [4, 7, 12]
    ledger = [
        {
            "phase": n,
            "name": PHASES[n]["name"],
            "first_epoch": ([0, *ends])[n] + 1,
            "last_epoch": end,
            "best_epoch": (4, 5, 9)[n],
            "best": (0.61, 0.79, 0.9)[n],
            "reason": reasons[n],
            "plateau": n > 0,
        }
        for n, end in enumerate(ends)
        if end <= epochs
    ]
    if epochs:
        write_json(path / "phases.json", ledger)
        write_metrics(path / "metrics.csv", metric_rows(ends, epochs, task))
    if status != "finished":
        return path
    splits = {"val": make_split(classes, per_class, accuracy, kind, seed, task)}
    if test:
        splits["test"] = make_split(classes, per_class, accuracy - 0.02, kind, seed + 1, task)
    write_json(path / "evaluation.json", {"task": task, "classes": classes, "splits": splits})
    write_json(path / "summary.json", summary_of(splits, classes, model, strategy, seed, task))
    return path


def make_sweep(
    path: Path,
    seeds: int = 3,
    strategies: tuple[str, ...] = ("full", "partial", "scratch"),
    task: str = "multiclass",
) -> Path:
    """Write a sweep: every strategy with every seed; the last job failed, the one before is unfinished."""
    overrides = [
        f"strategy={','.join(strategies)}",
        f"seed={','.join(map(str, range(seeds)))}",
        "data=folder",
    ]
    write_json(path / "sweep.json", {"overrides": overrides})
    for s, strategy in enumerate(strategies):
        for seed in range(seeds):
            last = s == len(strategies) - 1
            status = {seeds - 1: "failed", seeds - 2: "running"}.get(seed, "finished") if last else "finished"
            job = path / "jobs" / f"{s * seeds + seed}"
            make_run(
                job, status=status, strategy=strategy, seed=seed, accuracy=0.92 - 0.15 * s, per_class=60,
                epochs=12 if status == "finished" else 3, task=task,
            )  # fmt: skip
            write_json(
                job / "job.json", {"overrides": {"strategy": strategy, "seed": str(seed), "data": "folder"}}
            )
    return path


@pytest.fixture
def run_maker():
    return make_run


@pytest.fixture
def sweep_maker():
    return make_sweep


@pytest.fixture
def hostile_names():
    return list(HOSTILE)
