"""One pass over a split: every figure, the diagrams and the worst mistakes."""

import base64
import io
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from tlx.types import Batch, FrontierValues, Inputs, Split

__all__ = ["evaluate", "show_mistakes", "to_device"]

THUMBNAIL = 96
Given = TypeVar("Given", Tensor, dict[str, Tensor], FrontierValues, Inputs, Inputs | FrontierValues)


def evaluate(
    network: nn.Module,
    loader: Iterable[Batch],
    scores: Any,
    device: torch.device,
    precision: AbstractContextManager[Any] | None = None,
    beside: Any = None,
) -> dict[str, Any]:
    """Score a network; on several ranks each brings its share and all get the whole.

    Args:
        network: Maps inputs to outputs (B, K); put into evaluation mode.
        loader: Batches; samples with id -1 only fill up and are not counted.
        scores: What a task measures, see `tlx.types.Task.scores`.
        device: Where to compute.
        precision: The autocast to compute under.
        beside: Sees the same outputs, by an `update` as that of scores; None: nobody.

    Returns:
        One entry of evaluation.json: samples, metrics, per_class, mistakes, and what else the
        task has.
    """
    scores = scores.to(device)
    network.to(device).eval()
    with torch.inference_mode(), precision or nullcontext():
        for batch in loader:
            counted = (batch.ids >= 0).to(device)
            outputs = network(to_device(batch.inputs, device)).float()[counted]
            targets, ids = batch.targets.to(device)[counted], batch.ids.to(device)[counted]
            if len(targets):
                scores.update(outputs, targets, ids)
                if beside is not None:
                    beside.update(outputs, targets, ids)
    result: dict[str, Any] = scores.result()
    return result


def show_mistakes(mistakes: list[dict[str, Any]], split: Split, kind: str) -> list[dict[str, Any]]:
    """Name each mistake and show its sample: a small picture, or the text."""
    shown = []
    for mistake in mistakes:
        raw = split.read(mistake["id"])
        shown.append(
            mistake
            | {"name": split.name(mistake["id"])}
            | {"image": _picture(raw) if kind == "image" else None, "text": raw if kind == "text" else None}
        )
    return shown


def to_device(inputs: Given, device: torch.device) -> Given:
    """Inputs of any kind on a device."""
    if isinstance(inputs, FrontierValues):
        return inputs._replace(values=to_device(inputs.values, device))
    if isinstance(inputs, dict):
        return {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}
    return inputs.to(device, non_blocking=True)


def _picture(image: Any) -> str:
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    data = io.BytesIO()
    small.save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
