"""What a checkpoint costs: its seconds and bytes, for a network of a common size."""

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torchvision import models

from tlx.checkpoint.durable import DurableCheckpointIO

__all__ = ["overhead"]

EVERY = 60.0
"""Seconds between checkpoints within an epoch, by default."""


def overhead(repeats: int = 5) -> dict[str, Any]:
    """Write the checkpoint of a ResNet-18 under AdamW, where temporary files lie.

    Args:
        repeats: Of the write, of which the median counts.
    """
    net = models.resnet18()
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.rand(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    content = {"state_dict": net.state_dict(), "optimizer_states": [optimizer.state_dict()]}
    seconds = []
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "000000000001.ckpt"
        for _ in range(repeats):
            began = time.monotonic()
            DurableCheckpointIO().save_checkpoint(content, path)
            seconds.append(time.monotonic() - began)
        size = path.stat().st_size
    return {
        "network": "ResNet-18 under AdamW",
        "bytes": size,
        "seconds": round(median(seconds), 3),
        "percent_of_a_minute": round(100 * median(seconds) / EVERY, 2),
    }
