"""The layouts that files of weights come in, and how well one fits a network.

Training scripts save a state_dict under one key or another, beside an optimizer, with the names
of whatever wrapped the network (`module.` of DataParallel, `_orig_mod.` of torch.compile,
`model.` of a LightningModule). The wrapping is found by trying: it is the one with which most
values find their place.
"""

import logging
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

__all__ = ["Aligned", "Fit", "aligned", "check_finite", "fill_what_fits", "unwrapped"]

NESTS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights")
"""Where a state_dict lies in what a script saved, the likeliest first."""

NO_WEIGHTS = re.compile(r"optim|sched|scaler|loss|criterion|momentum", re.I)
WRAPPERS = re.compile(r"^(module\.|_orig_mod\.)+")
USUAL = re.compile(
    r"^((module|_orig_mod|model|ema_model|net|network|backbone|encoder|encoder_[qk]|student|teacher)\.)*$"
)
"""Names under which training code keeps a whole network."""

LEAST = 0.5
"""Share of a network's tensors, or of their values, that a file must hold."""

_log = logging.getLogger(__name__)


def unwrapped(content: Any, where: str = "the file") -> dict[str, Tensor] | None:
    """The state_dict in what a file held, without the names of wrappers; None where there is none.

    Of several (`model` beside `ema`), the one under the likelier key is taken, then the larger; the
    others are said where they are weights of the same network.

    Args:
        content: What `torch.load` gave.
        where: Where it comes from, for people.
    """
    found = _nested(content, 3, where)
    if found is None:
        return None
    names = {WRAPPERS.sub("", name): tensor for name, tensor in found.items()}
    if all(WRAPPERS.match(name) for name in found if name != "n_averaged"):
        names.pop("n_averaged", None)  # a counter of torch.optim.swa_utils
    return names


@dataclass(frozen=True)
class Aligned:
    """Tensors under the names of a network.

    Args:
        tensors: By these names.
        taken: What was taken off the file's names.
        added: What was put in its place.
    """

    tensors: dict[str, Tensor]
    taken: str = ""
    added: str = ""

    @property
    def said(self) -> str:
        """What was done to the names, for people; empty where nothing was."""
        if not self.added:
            return f"names without {self.taken!r}" if self.taken else ""
        return f"names behind {self.added!r}" + (f" instead of {self.taken!r}" if self.taken else "")

    @property
    def usual(self) -> bool:
        """Whether that is what training code wraps a network in, so that no one need look."""
        return bool(USUAL.match(self.taken) and USUAL.match(self.added))


def aligned(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Aligned:
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
        return Aligned(dict(tensors))
    taken, added = max(matched, key=lambda pair: (matched[pair], -len("".join(pair))))
    rest = {name: tensor for name, tensor in tensors.items() if not name.startswith(taken)}
    moved = {
        added + name.removeprefix(taken): tensor for name, tensor in tensors.items() if name.startswith(taken)
    }
    return Aligned(rest | moved, taken, added)


def check_finite(tensors: Mapping[str, Tensor], net: nn.Module, path: Path) -> None:
    """Refuse weights with a value that is not finite; a buffer may mask by minus infinity.

    Args:
        tensors: By the names of the network.
        net: Says which of them are parameters.
        path: Where they come from, for people.

    Raises:
        CheckpointError: With the names.
    """
    parameters = {name for name, _ in net.named_parameters()}

    def sound(name: str, tensor: Tensor) -> bool:
        finite = tensor.isfinite()
        return bool(finite.all()) or (
            name not in parameters and bool((finite | (tensor == -torch.inf)).all())
        )

    lost = [name for name, tensor in tensors.items() if not sound(name, tensor)]
    if lost:
        raise CheckpointError(
            f"{str(path)!r} holds values that are not finite: {_first(tuple(lost))}",
            fix="another FILE in model.weights=FILE",
        )


@dataclass(frozen=True)
class Fit:
    """How well a file fitted.

    Args:
        missing: Names that the network has and the file lacks.
        unexpected: Names that only the file has.
        shapes: Names with both shapes, where they differ.
        share: Share of the network's values that came from the file, in [0, 1].
        tensors: Share of its tensors that did, in [0, 1].
        adapted: The convolution whose kernel was adapted to other input channels.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shapes: tuple[str, ...]
    share: float
    tensors: float
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
        CheckpointError: Less than half of the tensors and of the values match, a value is not
            finite, or `strict` is not met.
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
        tensors=len(fitting) / max(1, len(own)),
        adapted=str(first) if adapted else "",
    )
    _check(fit, path, strict)
    check_finite(fitting, net, path)
    net.load_state_dict(fitting, strict=False)
    return fit


def _check(fit: Fit, path: Path, strict: bool) -> None:
    if max(fit.share, fit.tensors) < LEAST:
        raise CheckpointError(
            f"{str(path)!r} does not fit: it fills {fit.share:.0%} of the network's values and "
            f"{fit.tensors:.0%} of its tensors, and {LEAST:.0%} of either are the least ({fit.named()})",
            fix="the file of this very network, or model.weights=null",
        )
    if strict and str(fit):
        raise CheckpointError(
            f"{str(path)!r} does not fit to the last tensor: {fit.named()}",
            fix="model.strict=false, which takes what fits",
        )


def _nested(content: Any, depth: int, where: str) -> dict[str, Tensor] | None:
    """The state_dict in a mapping, or in a mapping that it holds."""
    if not isinstance(content, Mapping) or not content:
        return None
    if all(isinstance(name, str) and torch.is_tensor(value) for name, value in content.items()):
        return dict(content)
    inside: dict[str, dict[str, Tensor]] = {}
    for name, value in content.items():
        found = _nested(value, depth - 1, where) if depth and not NO_WEIGHTS.search(str(name)) else None
        if found is not None:
            inside[str(name)] = found
    if not inside:
        return None
    best = min(inside, key=lambda name: (_rank(name), -sum(t.numel() for t in inside[name].values())))
    _say_others(best, inside, where)
    return inside[best]


def _say_others(best: str, inside: Mapping[str, Mapping[str, Tensor]], where: str) -> None:
    names = {WRAPPERS.sub("", name) for name in inside[best]}
    for other in inside:
        shared = names & {WRAPPERS.sub("", name) for name in inside[other]}
        if other != best and 2 * len(shared) >= len(names):
            _log.warning(
                "%s holds weights under %r, which are taken, and under %r. "
                "Try: torch.save(torch.load(FILE)[%r], NEW) and model.weights=NEW for those",
                where,
                best,
                other,
                other,
            )


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
