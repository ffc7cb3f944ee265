"""The layouts that files of weights come in, and how well one fits a network.

Training scripts save a state_dict under one key or another, beside an optimizer, with the names
of whatever wrapped the network (`module.` of DataParallel, `_orig_mod.` of torch.compile,
`model.` of a LightningModule). The wrapping is found by trying: it is the one with which most
values find their place.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tlx.backbones.channels import adapt_kernel
from tlx.errors import CheckpointError

__all__ = ["Fit", "aligned", "fill_what_fits", "unwrapped"]

NESTS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights")
"""Where a state_dict lies in what a script saved, the likeliest first."""

NO_WEIGHTS = re.compile(r"optim|sched|scaler|loss|criterion|momentum", re.I)
WRAPPERS = re.compile(r"^(module\.|_orig_mod\.)+")
LEAST = 0.5
"""Share of a network's values that a file must hold."""


def unwrapped(content: Any) -> dict[str, Tensor] | None:
    """The state_dict in what a file held, without the names of wrappers; None where there is none.

    Of several (`model` beside `ema`), the one under the likelier key is taken, then the larger.

    Args:
        content: What `torch.load` gave.
    """
    found = _nested(content, 3)
    if found is None:
        return None
    names = {WRAPPERS.sub("", name): tensor for name, tensor in found.items()}
    if all(WRAPPERS.match(name) for name in found if name != "n_averaged"):
        names.pop("n_averaged", None)  # a counter of torch.optim.swa_utils
    return names


def aligned(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A file's tensors under the names that a network has for them.

    A prefix that the file's names have, or that they lack, is found as the one with which most
    values (of the same name and shape) match. What does not begin with it keeps its name.

    Args:
        tensors: From a file.
        own: Names and shapes of the network.
    """
    wrappers = {"", *(name.partition(".")[0] + "." for name in own)}
    matched: Counter[tuple[str, str]] = Counter()
    for name, tensor in tensors.items():
        for cut in (0, *(dot.end() for dot in re.finditer(r"\.", name))):
            for added in wrappers:
                mine = own.get(added + name[cut:])
                if mine is not None and mine.shape == tensor.shape:
                    matched[name[:cut], added] += max(1, tensor.numel())
    if not matched:
        return dict(tensors)
    taken, added = max(matched, key=lambda pair: (matched[pair], -len("".join(pair))))
    rest = {name: tensor for name, tensor in tensors.items() if not name.startswith(taken)}
    return rest | {
        added + name.removeprefix(taken): tensor for name, tensor in tensors.items() if name.startswith(taken)
    }


@dataclass(frozen=True)
class Fit:
    """How well a file fitted.

    Args:
        missing: Names that the network has and the file lacks.
        unexpected: Names that only the file has.
        shapes: Names with both shapes, where they differ.
        share: Share of the network's values that came from the file, in [0, 1].
        adapted: The convolution whose kernel was adapted to other input channels.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shapes: tuple[str, ...]
    share: float
    adapted: str = ""

    def __str__(self) -> str:
        said = (
            (self.missing, "missing"),
            (self.shapes, "of another shape"),
            (self.unexpected, "not used"),
        )
        return ", ".join(
            f"{len(names)} tensor{'s' if len(names) > 1 else ''} {what}" for names, what in said if names
        )

    def named(self) -> str:
        """The same with the first names of each kind."""
        said = (
            ("missing", self.missing),
            ("of another shape", self.shapes),
            ("not used", self.unexpected),
        )
        return "; ".join(f"{len(names)} {what} ({_first(names)})" for what, names in said if names)


def fill_what_fits(
    net: nn.Module, tensors: Mapping[str, Tensor], path: Path, first: str | None = None, strict: bool = False
) -> Fit:
    """Copy what fits of a file into a network, or nothing where that is too little.

    Args:
        net: Has the names and shapes.
        tensors: From the file, aligned.
        path: Where they come from, for people.
        first: Name of the first convolution, whose kernel is adapted to other channels.
        strict: Refuse a file that lacks a tensor, has another shape, or has one too many.

    Raises:
        CheckpointError: Less than half of the values match, or `strict` is not met.
    """
    own, tensors = net.state_dict(), dict(tensors)
    kernel = f"{first}.weight"
    adapted = kernel in tensors and _other_channels(own.get(kernel), tensors[kernel])
    if adapted:
        tensors[kernel] = adapt_kernel(tensors[kernel], own[kernel].shape[1])
    fitting = {name: t for name, t in tensors.items() if name in own and t.shape == own[name].shape}
    total = sum(tensor.numel() for tensor in own.values())
    fit = Fit(
        missing=tuple(n for n in own if n not in tensors and not n.endswith("num_batches_tracked")),
        unexpected=tuple(name for name in tensors if name not in own),
        shapes=tuple(
            f"{name} {tuple(tensors[name].shape)} for {tuple(own[name].shape)}"
            for name in own
            if name in tensors and name not in fitting
        ),
        share=sum(tensor.numel() for tensor in fitting.values()) / max(1, total),
        adapted=str(first) if adapted else "",
    )
    _check(fit, path, strict)
    net.load_state_dict(fitting, strict=False)
    return fit


def _check(fit: Fit, path: Path, strict: bool) -> None:
    if fit.share < LEAST:
        raise CheckpointError(
            f"{str(path)!r} does not fit: it fills {fit.share:.0%} of the network's values, and "
            f"{LEAST:.0%} are the least ({fit.named()})",
            fix="the file of this very network, or model.weights=null",
        )
    if strict and str(fit):
        raise CheckpointError(
            f"{str(path)!r} does not fit to the last tensor: {fit.named()}",
            fix="model.strict=false, which takes what fits",
        )


def _nested(content: Any, depth: int) -> dict[str, Tensor] | None:
    """The state_dict in a mapping, or in a mapping that it holds."""
    if not isinstance(content, Mapping) or not content:
        return None
    if all(isinstance(name, str) and torch.is_tensor(value) for name, value in content.items()):
        return dict(content)
    inside: dict[str, dict[str, Tensor]] = {}
    for name, value in content.items():
        found = _nested(value, depth - 1) if depth and not NO_WEIGHTS.search(str(name)) else None
        if found is not None:
            inside[str(name)] = found
    if not inside:
        return None
    return inside[min(inside, key=lambda name: (_rank(name), -sum(t.numel() for t in inside[name].values())))]


def _rank(name: str) -> int:
    return NESTS.index(name) if name in NESTS else len(NESTS)


def _other_channels(mine: Tensor | None, theirs: Tensor) -> bool:
    if mine is None or mine.ndim != 4 or theirs.ndim != 4:
        return False
    return mine.shape[1] != theirs.shape[1] and (mine.shape[0], mine.shape[2:]) == (
        theirs.shape[0],
        theirs.shape[2:],
    )


def _first(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
