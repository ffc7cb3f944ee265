"""Three ways to the empirical diagonal Fisher of one network, in one process.

    python -m scripts.bench.rows.fisher_loops case=resnet20 what=seconds samples=128 repetitions=3 out=FILE

`what=seconds` runs all ways one after the other, again and again; `what=memory way=tlx` runs one way and says
how much memory it took beyond what the process held before (Linux); `what=error` holds all ways against
the plain loop, and that against double precision. Weights and inputs are random: no value of them makes a
way slower.
"""

import ctypes
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from scripts.bench.rows.clock import words
from tlx.functional.fisher import DiagonalFisher

__all__ = ["CHUNKS", "Case", "case", "error", "loops", "peak"]

DEFAULTS = {
    "case": "resnet20", "what": "seconds", "way": "tlx", "samples": "128", "repetitions": "3", "out": "",
}  # fmt: skip
CHUNKS = (4, 8, 16, 32, 64)
"""Samples at once that torch.func is tried with."""
TRUE_ZERO = 1e-10
"""Share of the greatest square below which a parameter's gradient is 0: a bias that a softmax cancels."""

Squares = dict[str, Tensor]
Way = Callable[[], Squares]


@dataclass(frozen=True)
class Case:
    """A network and what it is given.

    Args:
        net: In eval mode.
        inputs: The samples along the first axis.
        targets: Their classes.
        logits: Calls the network.
    """

    net: nn.Module
    inputs: Tensor
    targets: Tensor
    logits: Callable[[nn.Module, Tensor], Tensor]


class Block(nn.Module):
    """Two convolutions and a way around them (He et al. 2016)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        changes = stride > 1 or before != width
        conv = nn.Conv2d(before, width, 1, stride, bias=False) if changes else nn.Identity()
        self.around = nn.Sequential(conv, nn.BatchNorm2d(width)) if changes else conv

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(inner)) + self.around(x))


def resnet20() -> nn.Module:
    """The network for CIFAR-10 with 272 000 weights."""
    widths = [
        (16, 16, 1),
        *[(16, 16, 1)] * 2,
        (16, 32, 2),
        *[(32, 32, 1)] * 2,
        (32, 64, 2),
        *[(64, 64, 1)] * 2,
    ]
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*stem, *[Block(*one) for one in widths], *pool)


def case(name: str, samples: int) -> Case:
    """A case of the benchmark: `resnet20` at 32, a small `bert` on 64 tokens, or `resnet18` at 224."""
    torch.manual_seed(0)
    net: Any
    if name == "bert":
        from transformers import BertConfig, BertForSequenceClassification

        config: Any = BertConfig(
            hidden_size=128, num_hidden_layers=4, num_attention_heads=2, intermediate_size=512
        )
        config.num_labels = 4
        net, classes = BertForSequenceClassification(config), 4
        inputs = torch.randint(1000, 30000, (samples, 64))
    elif name == "resnet18":
        from torchvision.models import resnet18

        net, inputs, classes = resnet18(num_classes=10), torch.randn(samples, 3, 224, 224), 10
    else:
        net, inputs, classes = resnet20(), torch.randn(samples, 3, 32, 32), 10
    for part in net.modules():
        if (
            isinstance(part, nn.BatchNorm2d)
            and part.running_mean is not None
            and part.running_var is not None
        ):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    targets = torch.randint(classes, (samples,))
    return Case(net.eval(), inputs, targets, _bert_logits if name == "bert" else _logits)


def _logits(net: nn.Module, inputs: Tensor) -> Tensor:
    logits: Tensor = net(inputs)
    return logits


def _bert_logits(net: nn.Module, inputs: Tensor) -> Tensor:
    logits: Tensor = net(input_ids=inputs).logits
    return logits


def loops(what: Case) -> dict[str, Way]:
    """Every way by its name: `naive`, `tlx`, and `vmap-N` for each number of samples at once."""
    return {
        "naive": lambda: naive(what),
        "tlx": lambda: through_tlx(what),
        **{f"vmap-{size}": _by_vmap(what, size) for size in CHUNKS if size <= len(what.inputs)},
    }


def naive(what: Case) -> Squares:
    """One sample forward and back after the other."""
    parameters = dict(what.net.named_parameters())
    sums = {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
    for number in range(len(what.inputs)):
        one = slice(number, number + 1)
        loss = F.cross_entropy(what.logits(what.net, what.inputs[one]), what.targets[one])
        found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        for total, gradient in zip(sums.values(), found, strict=True):
            if gradient is not None:
                total.addcmul_(gradient, gradient)
    return {name: total.detach() / len(what.inputs) for name, total in sums.items()}


def through_tlx(what: Case) -> Squares:
    """As a user calls it, with the kernels' proof on the first samples."""
    fisher = DiagonalFisher(what.net, estimator="empirical", forward=what.logits)
    fisher.add(what.inputs, what.targets)
    return fisher.mean()


class _Loss(nn.Module):
    def __init__(self, what: Case) -> None:
        super().__init__()
        self.net, self.logits = what.net, what.logits

    def forward(self, inputs: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(self.logits(self.net, inputs[None]), target[None])


def _by_vmap(what: Case, size: int) -> Way:
    def run() -> Squares:
        loss = _Loss(what)
        parameters = {name: tensor.detach() for name, tensor in loss.named_parameters()}

        def of_one(own: Squares, x: Tensor, y: Tensor) -> Tensor:
            found: Tensor = functional_call(loss, own, (x, y))
            return found

        each = vmap(grad(of_one), in_dims=(None, 0, 0))
        sums = {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
        for x, y in zip(torch.split(what.inputs, size), torch.split(what.targets, size), strict=True):
            for name, gradients in each(parameters, x, y).items():
                sums[name] += gradients.square_().sum(0)
        return {name.removeprefix("net."): total / len(what.inputs) for name, total in sums.items()}

    return run


def seconds(what: Case, repetitions: int) -> dict[str, list[float]]:
    """CPU seconds of every way, A B C A B C; of torch.func the best number of samples by a first round."""
    ways = loops(what)
    first = {name: _timed(way) for name, way in ways.items()}  # also warms up
    best = min((name for name in ways if name.startswith("vmap")), key=lambda name: first[name])
    rounds = [{name: _timed(ways[name]) for name in ("naive", "tlx", best)} for _ in range(repetitions)]
    return {name: [one[name] for one in rounds] for name in ("naive", "tlx", best)}


def _timed(way: Way) -> float:
    began = time.process_time()
    way()
    return time.process_time() - began


def peak(name: str, way: str, samples: int) -> int:
    """Bytes that a way takes beyond what the process held; code and small buffers are loaded before."""
    loops(case(name, 2))[way if "vmap" not in way else "naive"]()
    run = loops(case(name, samples))[way]
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    run()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found.group(1)) if found else 0


def error(name: str, samples: int) -> dict[str, float]:
    """The greatest relative difference of a parameter: of ways from the naive one, of that from doubles."""
    what = case(name, samples)
    ways = {way: loops(what)[way]() for way in ("naive", "tlx", "vmap-4")}
    inputs = what.inputs.double() if what.inputs.is_floating_point() else what.inputs
    exact = naive(Case(what.net.double(), inputs, what.targets, what.logits))
    return {
        way: _difference(found, exact if way == "naive" else ways["naive"]) for way, found in ways.items()
    }


def _difference(found: Squares, exact: Squares) -> float:
    greatest = max(float(squares.max()) for squares in exact.values())
    counted = {name: one for name, one in exact.items() if float(one.max()) > TRUE_ZERO * greatest}
    return max(float((found[name].to(one) - one).abs().max() / one.max()) for name, one in counted.items())


def main() -> None:
    """Read the words, measure, write."""
    given = words(sys.argv[1:], DEFAULTS)
    torch.set_num_threads(1)
    name, samples = given["case"], int(given["samples"])
    found: dict[str, Any] = {"versions": {"torch": torch.__version__}}
    if given["what"] == "seconds":
        found["seconds"] = seconds(case(name, samples), int(given["repetitions"]))
    elif given["what"] == "memory":
        found["bytes"] = peak(name, given["way"], samples)
    else:
        found["error"] = error(name, samples)
    Path(given["out"]).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
