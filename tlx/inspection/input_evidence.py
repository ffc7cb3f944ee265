"""What a network itself shows of whether it is at home with its inputs: its norms, or its own head."""

import functools
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tlx.backbones.staged import StagedBackbone
from tlx.functional.norm_drift import Moments, nearer
from tlx.functional.paired_test import paired_p
from tlx.functional.view_agreement import Agreement, prominence, view_agreement

__all__ = ["Evidence", "HeadEvidence", "NormEvidence", "Verdict", "evidence_of"]

BATCH = 16
PART = 0.82
"""Side of the part of a picture that is another view of it, as a share."""
TOLD_APART = 10
"""Classes from which on the prominence of the first says something."""


class Verdict(NamedTuple):
    """What is to be said for a correction against the inputs as they are."""

    gain: float
    """How much nearer the network is to home; comparable between corrections."""
    p: float
    """Of so much where there is no gain, one-sided, of this comparison alone."""
    p_loss: float
    """Of so much the other way round."""
    clear: bool
    """Whether the gain is large enough to matter."""


class Evidence(Protocol):
    """Judges corrected inputs of the same samples."""

    said: str

    def judge(self, inputs: Tensor, turned: bool) -> Verdict:
        """Inputs of shape (N, C, H, W) against those given first; turned: their colours, not their scale."""
        ...


class _ReachedError(Exception):
    pass


class NormEvidence:
    """The statistics of what reaches the first norm that remembers some.

    Args:
        backbone: In evaluation mode.
        norm: The norm.
        name: Its name, for people.
        given: The inputs as they are, shape (N, C, H, W).
        around: Makes what to compute under.
    """

    RATIO = 1.5
    """From which on a smaller drift is clear."""

    def __init__(
        self,
        backbone: StagedBackbone,
        norm: nn.Module,
        name: str,
        given: Tensor,
        around: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.backbone, self.norm, self.around = backbone, norm, around
        remembered = (cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var))
        self.known = remembered[0].detach().double().cpu(), remembered[1].detach().double().cpu()
        self.given = self._moments(given)
        z = (self.given.first.mean(dim=0) - self.known[0]) / (self.known[1] + 1e-5).sqrt()
        self.said = f"what reaches {name} lies {float(z.abs().mean()):.2f} of its spreads from what it knows"

    def judge(self, inputs: Tensor, turned: bool) -> Verdict:
        """By the drift of `tlx.functional.norm_drift`."""
        other = self._moments(inputs)
        found, back = nearer(self.given, other, *self.known), nearer(other, self.given, *self.known)
        return Verdict(found.ratio, found.p, back.p, found.ratio > self.RATIO)

    def _moments(self, inputs: Tensor) -> Moments:
        first, second = [], []
        with _StoppedAt(self.norm) as reached:
            for rows in torch.split(inputs, BATCH):
                with self.around(), torch.no_grad(), suppress(_ReachedError):
                    self.backbone.net(rows)
                values = reached.pop().flatten(2).double().cpu()
                first.append(values.mean(dim=2))
                second.append(values.square().mean(dim=2))
        return Moments(torch.cat(first), torch.cat(second))


class HeadEvidence:
    """What the weights' own head makes of the samples and of another view of each.

    Args:
        backbone: With an original head, in evaluation mode.
        given: The inputs as they are, shape (N, C, H, W).
        around: Makes what to compute under.
        mirrored: Whether a mirrored picture is of the same class.
    """

    EFFECT = 0.25
    """Mean difference in its standard deviations from which on it is clear."""
    UNSURE, OVERSURE = math.log(0.75), math.log(1.5)
    """Confidence over agreement, beyond which values are too small, or too large."""

    def __init__(
        self,
        backbone: StagedBackbone,
        given: Tensor,
        around: Callable[[], AbstractContextManager[Any]],
        mirrored: bool,
    ) -> None:
        self.backbone, self.around, self.mirrored = backbone, around, mirrored
        self.inputs = given
        sure = self._logits.softmax(dim=1).amax(dim=1).mean()
        self.said = f"the weights' own head is sure of its first choice by {float(sure):.0%} in the mean"

    def judge(self, inputs: Tensor, turned: bool) -> Verdict:
        """By its confidence held against its agreement with itself; of colours by its first choice alone."""
        if turned and self._logits.shape[1] >= TOLD_APART:
            other = self._of(inputs)
            found = prominence(other) - prominence(self._logits)
            surer = other.softmax(dim=1).amax(dim=1).mean() > self._logits.softmax(dim=1).amax(dim=1).mean()
            clear = self._effect(found) and bool(surer)
            return Verdict(float(found.mean()), paired_p(found), paired_p(-found), clear)
        before, after = self._agreement, self._agreed(self._of(inputs), inputs)
        off = not self.UNSURE <= before.surplus <= self.OVERSURE
        found = (after.confidence - before.confidence) * (-1 if before.surplus > 0 else 1)
        clear = off and abs(after.surplus) < abs(before.surplus) and self._effect(found)
        return Verdict(0.0, paired_p(found), 1.0 if off else 0.0, clear)

    def _effect(self, found: Tensor) -> bool:
        return float(found.mean() / found.std().clamp_min(1e-12)) > self.EFFECT

    @functools.cached_property
    def _logits(self) -> Tensor:
        return self._of(self.inputs)

    @functools.cached_property
    def _agreement(self) -> Agreement:
        return self._agreed(self._logits, self.inputs)

    def _agreed(self, logits: Tensor, inputs: Tensor) -> Agreement:
        return view_agreement(logits, self._of(self._view(inputs)))

    def _view(self, inputs: Tensor) -> Tensor:
        height, width = inputs.shape[2:]
        top, left = (max(1, round(side * (1 - PART) / 2)) for side in (height, width))
        part = inputs[:, :, top : height - top, left : width - left]
        turned = part.flip(3) if self.mirrored else part
        return F.interpolate(turned, size=(height, width), mode="bilinear", antialias=True)

    def _of(self, inputs: Tensor) -> Tensor:
        with self.around(), torch.no_grad():
            found = [self.backbone.original_logits(rows) for rows in torch.split(inputs, BATCH)]
        return torch.cat(found).double().cpu()


def evidence_of(
    backbone: StagedBackbone,
    given: Tensor,
    around: Callable[[], AbstractContextManager[Any]],
    mirrored: bool,
    whole: bool,
) -> Evidence | None:
    """The best witness that a network has: a norm that remembers, else its head; None without either.

    Args:
        backbone: In evaluation mode.
        given: Its inputs, shape (N, C, H, W).
        around: Makes what to compute under.
        mirrored: Whether a mirrored picture is of the same class.
        whole: Whether only the whole of a picture shows its class, so that there is no other view.
    """
    found = _first_norm(backbone, given[:2], around)
    if found is not None:
        return NormEvidence(backbone, found[1], found[0], given, around)
    if len(backbone.original_classes) > 1 and not whole and min(given.shape[2:]) >= 4:
        return HeadEvidence(backbone, given, around, mirrored)
    return None


def _first_norm(
    backbone: StagedBackbone, given: Tensor, around: Callable[[], AbstractContextManager[Any]]
) -> tuple[str, nn.Module] | None:
    norms = {name: m for name, m in backbone.net.named_modules() if _remembers(m)}
    called: list[str] = []
    with ExitStack() as hooks, around(), torch.no_grad():
        for name, norm in norms.items():
            hook = norm.register_forward_pre_hook(functools.partial(_note, called, name))
            hooks.callback(hook.remove)
        try:
            if norms:
                backbone.net(given)
        except _ReachedError:
            pass
    return (called[0], norms[called[0]]) if called else None


def _note(called: list[str], name: str, module: nn.Module, given: tuple[Any, ...]) -> None:
    if torch.is_tensor(given[0]) and given[0].ndim == 4:
        called.append(name)
        raise _ReachedError


def _remembers(module: nn.Module) -> bool:
    mean, variance = getattr(module, "running_mean", None), getattr(module, "running_var", None)
    if not torch.is_tensor(mean) or not torch.is_tensor(variance):
        return False
    return bool((mean != 0).any() or (variance != 1).any())


class _StoppedAt:
    """Within, the network runs up to a norm, whose inputs are gathered."""

    def __init__(self, norm: nn.Module) -> None:
        self.norm = norm
        self.reached: list[Tensor] = []

    def __enter__(self) -> list[Tensor]:
        self.hook = self.norm.register_forward_pre_hook(self._keep)
        return self.reached

    def __exit__(self, *_: object) -> None:
        self.hook.remove()

    def _keep(self, module: nn.Module, given: tuple[Any, ...]) -> None:
        self.reached.append(given[0].detach())
        raise _ReachedError
