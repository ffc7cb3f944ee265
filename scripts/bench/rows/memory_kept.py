"""A forward pass or training steps of one network, with freed memory given back or used again.

python -m scripts.bench.rows.memory_kept case=resnet18-forward memory=kept out=FILE
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scripts.bench.rows.clock import words
from tlx.process.allocator import keep_freed_memory

__all__ = ["CASES"]

CASES = ("resnet18-forward", "resnet50-train", "bert-train")
BATCH, STEPS = 32, 4
SHORTEST, LONGEST = 16, 160
"""Tokens of a batch, another number in each, so that blocks have many sizes."""


def network(case: str) -> tuple[nn.Module, Callable[[], Tensor]]:
    """The network of a case with random values, and what makes a batch for it."""
    if case == "bert-train":
        from transformers import BertConfig, BertModel

        config = BertConfig(
            hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
        )
        generator = torch.Generator().manual_seed(0)

        def tokens() -> Tensor:
            length = int(torch.randint(SHORTEST, LONGEST, (), generator=generator))
            return torch.randint(config.vocab_size, (BATCH, length), generator=generator)

        return BertModel(config), tokens
    from torchvision import models

    made: nn.Module = models.resnet18() if case.startswith("resnet18") else models.resnet50()
    pictures = torch.rand(BATCH, 3, 224, 224)
    return made, lambda: pictures


def step(net: nn.Module, batch: Callable[[], Tensor], optimizer: torch.optim.Optimizer | None) -> None:
    """One batch: forward alone without an optimizer."""
    found: Any = net(batch())
    if optimizer is not None:
        optimizer.zero_grad()
        torch.autograd.backward(getattr(found, "last_hidden_state", found).square().mean())
        optimizer.step()


def main(argv: list[str]) -> None:
    """Run a case and write its processor seconds, without the first batch, and its peak."""
    given = words(argv, {"case": CASES[0], "memory": "system", "out": ""})
    if given["memory"] == "kept":
        keep_freed_memory()
    torch.manual_seed(0)
    net, batch = network(given["case"])
    trains = given["case"].endswith("train")
    net.train(trains)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3) if trains else None
    with torch.set_grad_enabled(trains):
        step(net, batch, optimizer)
        began = time.process_time()
        for _ in range(STEPS):
            step(net, batch, optimizer)
        seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    Path(given["out"]).write_text(json.dumps({"seconds": seconds, "peak": peak}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
