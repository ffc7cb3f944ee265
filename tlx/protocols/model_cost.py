"""What a backbone costs: seconds of features, and the greatest layer."""

import time
from typing import Any

import torch
from torch import nn

from tlx.cache.stage_features import StageFeatures
from tlx.evaluation import to_device
from tlx.functional.nested import tensors

__all__ = ["model_cost"]

TIMED = 3
"""Batches by which the speed is told, the fastest counting."""


def model_cost(features: StageFeatures) -> tuple[float, int]:
    """Seconds for a thousand samples, and bytes of the greatest input and output of one layer, a sample."""
    data, backbone = features.data, features.backbone
    size = min(data.eval_batch_size, len(data.splits.train))
    inputs = to_device(data.first(data.splits.train, size), features.device)
    greatest = 0

    def note(module: nn.Module, given: Any, output: Any) -> None:
        nonlocal greatest
        found = [*tensors(given), *tensors(output)]
        greatest = max(greatest, sum(each.numel() * each.element_size() for each in found))

    leaves = [module for module in backbone.net.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(note) for module in leaves]
    taken = []
    with torch.inference_mode(), features.making.precision():
        backbone(inputs)
        for hook in hooks:
            hook.remove()
        for _ in range(TIMED):
            began = time.perf_counter()
            float(backbone(inputs).sum())  # which waits for the device
            taken.append(time.perf_counter() - began)
    return 1000 * min(taken) / size, greatest // size
