"""One pass over a split: every figure, the diagram and the worst mistakes."""

import base64
import io
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from tlx.modules.mistakes import Mistakes
from tlx.modules.reliability import Reliability
from tlx.types import Batch, Inputs, Split

__all__ = ["evaluate", "show_mistakes", "to_device"]

THUMBNAIL = 96


def evaluate(
    network: nn.Module,
    loader: Iterable[Batch],
    classes: tuple[str, ...],
    device: torch.device,
    precision: AbstractContextManager[Any] | None = None,
) -> dict[str, Any]:
    """Score a network; on several ranks each brings its share and all get the whole.

    Args:
        network: Maps inputs to logits (B, K); put into evaluation mode.
        loader: Batches; samples with id -1 only fill up and are not counted.
        classes: K names.
        device: Where to compute.
        precision: The autocast to compute under.

    Returns:
        One entry of evaluation.json: samples, metrics, per_class, confusion, reliability, mistakes.
    """
    scores, loss, reliability, mistakes = _metrics(len(classes), device)
    network.to(device).eval()
    with torch.inference_mode(), precision or nullcontext():
        for batch in loader:
            counted = (batch.ids >= 0).to(device)
            logits = network(to_device(batch.inputs, device)).float()[counted]
            targets, ids = batch.targets.to(device)[counted], batch.ids.to(device)[counted]
            if len(targets) == 0:
                continue
            probabilities = logits.softmax(dim=1)
            losses = F.cross_entropy(logits, targets, reduction="none")
            scores.update(probabilities, targets)
            loss.update(losses)
            reliability.update(probabilities, targets)
            mistakes.update(losses, ids, targets, probabilities)
    values = {name: value.cpu() for name, value in scores.compute().items()}
    mean_loss, error = float(loss.compute()), float(reliability.compute())
    reliability.sync()
    confusion = values["confusion"]
    return {
        "samples": int(confusion.sum()),
        "metrics": {
            "accuracy": float(values["accuracy"]),
            "f1": float(values["f1"]),
            "loss": mean_loss,
            "calibration_error": error,
        },
        "per_class": [
            {
                "name": name,
                "samples": int(confusion[k].sum()),
                **{part: float(values[f"per_class_{part}"][k]) for part in ("precision", "recall", "f1")},
            }
            for k, name in enumerate(classes)
        ],
        "confusion": confusion.tolist(),
        "reliability": reliability.diagram(),
        "mistakes": mistakes.compute(),
    }


def show_mistakes(
    mistakes: list[dict[str, Any]], split: Split, classes: tuple[str, ...], kind: str
) -> list[dict[str, Any]]:
    """Name each mistake and show its sample: a small picture, or the text."""
    shown = []
    for mistake in mistakes:
        raw = split.read(mistake["id"])
        shown.append(
            mistake
            | {"target": classes[mistake["target"]], "predicted": classes[mistake["predicted"]]}
            | {"name": split.name(mistake["id"])}
            | {"image": _picture(raw) if kind == "image" else None, "text": raw if kind == "text" else None}
        )
    return shown


def to_device(inputs: Inputs, device: torch.device) -> Inputs:
    """Inputs of either kind on a device."""
    if isinstance(inputs, dict):
        return {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}
    return inputs.to(device, non_blocking=True)


def _metrics(count: int, device: torch.device) -> tuple[MetricCollection, MeanMetric, Reliability, Mistakes]:
    scores = MetricCollection(
        {
            "accuracy": MulticlassAccuracy(count, average="micro"),
            "f1": MulticlassF1Score(count, average="macro"),
            "per_class_precision": MulticlassPrecision(count, average=None),
            "per_class_recall": MulticlassRecall(count, average=None),
            "per_class_f1": MulticlassF1Score(count, average=None),
            "confusion": MulticlassConfusionMatrix(count),
        }
    )
    return scores.to(device), MeanMetric().to(device), Reliability().to(device), Mistakes().to(device)


def _picture(image: Any) -> str:
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    data = io.BytesIO()
    small.save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
