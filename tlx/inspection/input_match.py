"""Whether what reaches a network is what its weights were trained with."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tlx.backbones.staged import StagedBackbone
from tlx.data.datamodule import TransferData
from tlx.evaluation import to_device
from tlx.inspection.corrections import Correction, corrections, impossible, reversed_channels
from tlx.inspection.finding import Finding
from tlx.inspection.input_evidence import Evidence, NormEvidence, Verdict, evidence_of
from tlx.preprocessing.image import ImagePreprocessing

__all__ = ["input_match"]

LOOKED_AT = 64
"""Samples, spread evenly over the training split."""
FEWEST = 8
LEVEL = 0.01
FLAT, WILD = 0.1, 4.0
"""Spreads beyond which no normalised picture lies; one that is not normalised may."""
NEVER = 0.02, 128.0
"""Spreads beyond which no picture lies, with values from 0 to 255 either."""


def input_match(
    backbone: StagedBackbone,
    data: TransferData,
    device: torch.device,
    precision: Callable[[], AbstractContextManager[Any]],
) -> list[Finding]:
    """Look for a wrong scale, a normalisation too many or too few, and for channels in another order.

    No single number tells: drawings on white paper lie far from mean 0 and spread 1 without a fault. So each
    likely fault is undone on the same samples, and a fault is told where that makes the network clearly more
    at home: where what reaches its first norm lies nearer to the running statistics; in a network without
    such a norm, where the weights' own head becomes as sure as it agrees with itself on two views of a
    picture (`view_agreement`), or, of colours, where its first choice stands out more (`prominence`). Tests
    are paired over samples, at a level of 0.01 divided by the number of comparisons, and a small gain is not
    told. Of scales only those are tried that leave mean and spread clearly nearer to 0 and 1. Spreads beyond
    0.1 and 4, and values that no picture has, are told unless the network speaks for them; without a witness
    (no norm, no head) these alone are, with the correction that is nearest to 0 and 1.

    A head tells less than a norm: a network without norms hardly minds a factor of two, and one that is
    unsure of everything looks like one whose values are too small.

    Args:
        backbone: Put on the device, into evaluation mode.
        data: Takes the preprocessing of the backbone; up to 64 training samples are read.
        device: Where to compute.
        precision: Makes the autocast to compute under.

    Returns:
        A warning, or one finding that all is well; nothing of texts.

    Raises:
        DataError: A sample cannot be read.
    """
    preprocessing = backbone.preprocessing
    if not isinstance(preprocessing, ImagePreprocessing):
        return []
    if backbone.weights.startswith("random"):
        return [Finding("ok", "the weights are random, and expect nothing of the values")]
    data.preprocessing = preprocessing
    train = data.splits.train
    chosen = np.unique(np.linspace(0, len(train) - 1, min(LOOKED_AT, len(train))).astype(int))
    if len(chosen) < FEWEST:
        return [Finding("ok", f"{len(chosen)} samples are too few to tell whether values match the weights")]
    inputs = data.chosen(train, [(0, int(index)) for index in chosen])
    given = to_device(inputs, device)
    if not isinstance(given, Tensor):
        return []
    backbone.to(device).eval()
    turned = reversed_channels(given, preprocessing)
    whole = not getattr(data.source, "crop", True)
    evidence = evidence_of(backbone, given, precision, bool(data.source.flip), whole)
    plain, network = isinstance(evidence, NormEvidence), _settable(backbone.recipe)
    scales = corrections(given, preprocessing, plain, network)
    spread = given.transpose(0, 1).flatten(1).std(dim=1)
    extreme = bool((spread < FLAT).all() or (spread > WILD).any())
    odd = impossible(given, preprocessing) or bool((spread < NEVER[0]).all() or (spread > NEVER[1]).any())
    if evidence is None:
        return _by_values_alone(spread, scales if extreme or odd else [])
    return [_judged(evidence, scales, turned, (extreme, odd), len(given))]


def _settable(recipe: Mapping[str, Any]) -> str:
    """Words that choose the same network with a mean and a std of one's own; empty where it has them."""
    if "mean" in recipe:
        return ""
    room, name = str(recipe["_target_"]).rpartition(".")[2], recipe.get("name", "NAME")
    path, package = {
        "torchvision": (f"torchvision.models.{name}", "torchvision"),
        "timm": (f"timm.create_model +model.net.model_name={name}", "timm"),
    }.get(room, ("PACKAGE.NETWORK", "PACKAGE"))
    return f"model=module model.net._target_={path} trust=[{package}] model.weights=FILE"


def _by_values_alone(spread: Tensor, scales: list[Correction]) -> list[Finding]:
    said = f"values reach the network with a spread of {float(spread.mean()):.3g}"
    if scales:
        return [_warning(scales[0], said)]
    return [Finding("ok", f"{said}; it has no norm and no head that would tell more")]


def _judged(
    evidence: Evidence,
    scales: list[Correction],
    turned: Correction | None,
    unlikely: tuple[bool, bool],
    count: int,
) -> Finding:
    tests = len(scales) + (turned is not None)
    judged = [(evidence.judge(each.inputs, False), each) for each in scales]
    better = [pair for pair in judged if _holds(pair[0], tests)]
    extreme, odd = unlikely
    if not better and (extreme or odd):
        doubted = odd and not isinstance(evidence, NormEvidence)
        better = [pair for pair in judged if doubted or pair[0].p_loss * tests >= LEVEL][:1]
    if not better and turned is not None:
        verdict = evidence.judge(turned.inputs, True)
        better = [(verdict, turned)] if _holds(verdict, tests) else []
    if better:
        verdict, correction = max(better, key=lambda pair: pair[0].gain)
        p = min(1.0, verdict.p * tests)
        return _warning(correction, f"{evidence.said}; corrected it is more at home (p = {p:.1g})")
    return Finding("ok", f"{evidence.said}; none of {tests} corrections makes {count} samples more at home")


def _holds(verdict: Verdict, tests: int) -> bool:
    return verdict.clear and verdict.p * tests < LEVEL


def _warning(correction: Correction, said: str) -> Finding:
    return Finding("warn", f"it looks as if {correction.fault}: {said}", correction.fix)
