"""Splits of evaluation.json for tasks with several classes or with numbers, made up from a seed."""

from typing import Any

import numpy as np

CELLS = 40


def mistakes(pairs: list[tuple[str, str]], probability: float | None, kind: str, picture: Any) -> list[Any]:
    """One mistake for each pair of target and prediction."""
    return [
        {
            "id": number,
            "name": f"/data/insects/val/some/image_{number}.jpg" if kind == "image" else f"row {number}",
            "target": target,
            "predicted": predicted,
            "probability": None if probability is None else probability - number / 100,
            "loss": 6.9 - number / 5,
            "image": picture(number, 8 if number % 2 else 96) if kind == "image" else None,
            "text": "a review that means well & goes nowhere, slowly. " * 4 if kind == "text" else None,
        }
        for number, (target, predicted) in enumerate(pairs)
    ]


def multilabel_split(classes: list[str], samples: int, kind: str, seed: int, picture: Any) -> dict[str, Any]:
    """Every class has its positives and scores; the last class has no positive."""
    draw = np.random.default_rng(seed)
    per_class: list[dict[str, Any]] = [
        {
            "name": name,
            "samples": int(draw.integers(1, samples)),
            **{
                key: float(draw.uniform(0.3, 1)) for key in ("precision", "recall", "f1", "average_precision")
            },
        }
        for name in classes
    ]
    per_class[-1] |= {"samples": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0, "average_precision": None}
    known = [line["average_precision"] for line in per_class[:-1]]
    bins = [
        {
            "low": b / 15,
            "high": (b + 1) / 15,
            "count": 40 * (b - 6) if b >= 7 else 0,
            "confidence": (b + 0.5) / 15 if b >= 7 else None,
            "accuracy": (b + 0.5) / 15 * 0.95 if b >= 7 else None,
        }
        for b in range(15)
    ]
    pairs = [(classes[n % len(classes)], "|".join(classes[:2]) if n % 2 else "none") for n in range(8)]
    return {
        "samples": samples,
        "metrics": {
            "average_precision": float(np.mean(known)) if known else float("nan"),
            "f1": float(np.mean([line["f1"] for line in per_class])),
            "accuracy": 0.91,
            "exact_match": 0.55,
            "loss": 0.31,
            "calibration_error": 0.034,
        },
        "per_class": per_class,
        "reliability": bins,
        "mistakes": mistakes(pairs, 0.999, kind, picture),
    }


def regression_split(names: list[str], samples: int, kind: str, seed: int, picture: Any) -> dict[str, Any]:
    """Numbers whose predictions scatter about the targets, each more than the one before."""
    draw = np.random.default_rng(seed)
    lines, targets, predictions = [], [], []
    for place, name in enumerate(names):
        low, high = 10.0 * place, 10.0 * place + 50.0
        target = draw.uniform(low, high, samples)
        found = target + draw.normal(0, 3.0 * (place + 1), samples)
        error = found - target
        edges = np.linspace(low, high, CELLS + 1)
        lines.append(
            {
                "name": name,
                "samples": samples,
                "mae": float(np.abs(error).mean()),
                "rmse": float(np.sqrt((error**2).mean())),
                "r2": float(1 - (error**2).sum() / ((target - target.mean()) ** 2).sum()),
                "loss": float((error**2).mean() / target.var()),
                "low": low,
                "high": high,
                "density": np.histogram2d(target, found.clip(low, high), [edges, edges])[0]
                .astype(int)
                .tolist(),
            }
        )
        targets.append([f"{name} {value:.4g}" for value in target[:6]])
        predictions.append([f"{name} {value:.4g}" for value in found[:6]])
    metrics = {key: float(np.mean([line[key] for line in lines])) for key in ("mae", "rmse", "r2", "loss")}
    said = [tuple(", ".join(column) for column in zip(*side, strict=True)) for side in (targets, predictions)]
    return {
        "samples": samples,
        "metrics": metrics,
        "intervals": {"mae": [0.9 * metrics["mae"], 1.1 * metrics["mae"]]},
        "per_class": lines,
        "mistakes": mistakes(list(zip(*said, strict=True)), None, kind, picture),
    }
