"""A plain PyTorch loop on ResNet-18, as one writes it by hand.

    python -m scripts.bench.rows.plain_loop material=DIR phases=head:5 out=FILE

`frozen=eval` runs the frozen part in evaluation mode under no_grad; `frozen=train` only takes the
gradient from it, as PyTorch's tutorial does, so that its batch norms go on moving. `memory=kept` has
freed memory used again, as tlx does.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from scripts.bench.rows.clock import Clock, words
from scripts.bench.rows.photos import STAGES, Photos, network, phases, start
from tlx.process.allocator import keep_freed_memory

DEFAULTS = {
    "material": "", "phases": "head:5", "frozen": "eval", "precision": "32", "memory_format": "contiguous",
    "memory": "system", "head_rate": "1e-3", "backbone_rate": "1e-4", "out": "",
}  # fmt: skip


class Loop:
    """The network, which of its stages train, and the steps.

    Args:
        net: ResNet-18.
        given: The words of the command line.
    """

    def __init__(self, net: Any, given: dict[str, str]) -> None:
        self.net, self.given = net, given
        self.format = torch.channels_last if given["memory_format"] == "channels_last" else None
        if self.format is not None:
            net.to(memory_format=self.format)
        stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        self.stages: dict[str, nn.Module] = {"stem": stem} | {s: getattr(net, s) for s in STAGES[1:]}
        self.trains: list[str] = []
        everything = [*net.fc.parameters(), *(p for s in self.stages.values() for p in s.parameters())]
        head = {id(p) for p in net.fc.parameters()}
        rates = (float(given["backbone_rate"]), float(given["head_rate"]))
        groups = [{"params": [p], "lr": rates[id(p) in head]} for p in everything]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        net.requires_grad_(False)

    def thaw(self, name: str) -> None:
        """Let a stage, the head or `all` train."""
        more = [*STAGES, "head"] if name == "all" else [name]
        self.trains += more
        for part in more:
            (self.net.fc if part == "head" else self.stages[part]).requires_grad_(True)

    def epoch(self, batches: DataLoader[Any]) -> float:
        """Train over all batches; the mean loss."""
        self.net.train()
        if self.given["frozen"] == "eval":
            for name, stage in self.stages.items():
                stage.train(name in self.trains)
        total, samples = torch.zeros((), dtype=torch.float64), 0
        for inputs, targets in batches:
            with self._autocast():
                outputs = self._forward(self._laid(inputs))
            loss = F.cross_entropy(outputs.float(), targets, reduction="none").mean()
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            self.optimizer.step()
            total, samples = total + loss.detach().double() * len(targets), samples + len(targets)
        return float(total / samples)

    @torch.no_grad()
    def validate(self, batches: DataLoader[Any]) -> float:
        """The accuracy."""
        self.net.eval()
        right, samples = 0, 0
        for inputs, targets in batches:
            with self._autocast():
                outputs = self.net(self._laid(inputs))
            right, samples = right + int((outputs.argmax(1) == targets).sum()), samples + len(targets)
        return right / samples

    def _forward(self, inputs: Tensor) -> Tensor:
        if self.given["frozen"] != "eval":
            whole: Tensor = self.net(inputs)
            return whole
        frozen = [stage for name, stage in self.stages.items() if name not in self.trains]
        with torch.no_grad():
            for stage in frozen:
                inputs = stage(inputs)
        for name, stage in self.stages.items():
            inputs = stage(inputs) if name in self.trains else inputs
        outputs: Tensor = self.net.fc(torch.flatten(self.net.avgpool(inputs), 1))
        return outputs

    def _laid(self, inputs: Tensor) -> Tensor:
        return inputs if self.format is None else inputs.contiguous(memory_format=self.format)

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.given["precision"] == "bf16-mixed")


def main(argv: list[str]) -> None:
    """Train phase after phase and report."""
    given = words(argv, DEFAULTS)
    if given["memory"] == "kept":
        keep_freed_memory()
    found, clock = start(given["material"]), Clock()
    loop, losses = Loop(network(given["material"], found), given), list[float]()
    epochs, folder = _epochs(found), Path(given["material"]) / "photos"
    train = Photos(folder, found["train"]["names"], found["train"]["labels"])
    val = DataLoader(Photos(folder, found["val"]["names"], found["val"]["labels"]), 32)
    accuracy = 0.0
    for name, count in phases(given["phases"]):
        loop.thaw(name)
        for _ in range(count):
            batches = DataLoader(train, batch_sampler=next(epochs))
            clock.start()
            losses.append(loop.epoch(batches))
            accuracy = loop.validate(val)
            clock.stop()
    clock.report(given["out"], losses, ("torch", "torchvision"), accuracy=accuracy)


def _epochs(found: dict[str, Any]) -> Iterator[list[list[int]]]:
    yield from found["order"]


if __name__ == "__main__":
    main(sys.argv[1:])
