"""What is known of a model before anything is downloaded: stages, parameters, preprocessing, weights."""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tlx.composition.compose import compose
from tlx.composition.groups import arguments
from tlx.composition.trust import importable
from tlx.recipe import build

if TYPE_CHECKING:
    from tlx.backbones.staged import StagedBackbone

__all__ = ["model_details"]

SHOWN = 5
"""Class names that are written out."""


def model_details(choice: str, words: Sequence[str] = ()) -> str:
    """Describe a choice of `conf/model`, built with random values and, where it can be, without any.

    Args:
        choice: The model.
        words: Overrides of its keys, and `trust=[...]`.

    Raises:
        TlxError: The model cannot be built from what is on this machine.
    """
    given = {word.partition("=")[0] for word in words}
    still_open = [f"model.{key}" for key, value, _ in arguments("model", choice) if value == "???"]
    missing = [key for key in still_open if key not in given]
    if missing:
        names = _names(choice)
        known = f"\nmodel.name is one of {len(names)}: {', '.join(names)}" if names else ""
        return f"its stages depend on {missing[0]}: tlx list model={choice} {missing[0]}=...{known}"
    composed = compose("fit", [f"model={choice}", *words])
    node = {key: value for key, value in composed.resolved()["model"].items() if key != "head"}
    backbone = _built(node, importable(composed.trust))
    return "\n".join(_lines(node, backbone))


def _built(node: Mapping[str, Any], trust: Sequence[str]) -> "StagedBackbone":
    """The model without its published weights; on no device at all where its library can do that."""
    import torch

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    node = dict(node)
    if not str(node.get("_target_", "")).startswith("tlx.backbones.tiny."):  # whose weights are here
        node |= {key: value for key, value in (("weights", None), ("pretrained", False)) if key in node}
        node |= {key: None for key in ("sha256",) if key in node}
        try:
            with torch.device("meta"):
                bare: StagedBackbone = build(node, trust)
                return bare
        except Exception:  # some libraries compute while they build
            pass
    built: StagedBackbone = build(node, trust)
    return built


def _lines(node: Mapping[str, Any], backbone: "StagedBackbone") -> Iterator[str]:
    from torch import nn

    counts = {
        stage: sum(t.numel() for t in backbone.stage_tensors(stage).values() if isinstance(t, nn.Parameter))
        for stage in backbone.stages
    }
    yield f"parameters  {sum(counts.values()):,} without a head; features D = {backbone.out_features}"
    yield f"reads       {_reading(backbone.preprocessing)}"
    yield "stages      from the input up, with their parameters"
    width = max(map(len, counts))
    yield from (f"  {stage:{width}}  {count:>13,}" for stage, count in counts.items())
    weights, classes = _weights(node)
    if weights:
        yield "weights     model.weights="
        yield from weights
    classes = tuple(classes or backbone.original_classes)
    if classes:
        more = f" and {len(classes) - SHOWN:,} more" if len(classes) > SHOWN else ""
        yield f"knows       {len(classes):,} classes: {', '.join(classes[:SHOWN])}{more}"


def _reading(preprocessing: Any) -> str:
    if preprocessing.kind != "image":
        return f"{preprocessing.kind}, at most {getattr(preprocessing, 'max_length', '?')} tokens"
    side = preprocessing.crop
    mean, std = (
        " ".join(f"{value:.3g}" for value in values) for values in (preprocessing.mean, preprocessing.std)
    )
    return (
        f"pictures {preprocessing.channels} x {side} x {side}: shorter side to {preprocessing.resize} "
        f"({preprocessing.interpolation}), centre {side}, mean {mean}, std {std}"
    )


def _weights(node: Mapping[str, Any]) -> tuple[list[str], Sequence[str]]:
    """A line for each set of weights that can be named, and the classes of the first of them."""
    library = str(node.get("_target_", "")).rpartition(".")[2]
    name = str(node.get("name", ""))
    if library == "torchvision":
        return _torchvision(name)
    if library == "timm" and find_spec("timm") is not None:
        return _timm(name), ()
    return [], ()


def _torchvision(name: str) -> tuple[list[str], Sequence[str]]:
    from torchvision import models

    enum = models.get_model_weights(name)
    lines = []
    known = {key: member for key, member in enum.__members__.items() if member.meta["categories"]}
    for key, member in known.items():
        if key != member.name:
            lines.append(f"  {key} is {member.name}")
            continue
        scores = ", ".join(
            f"{value:.1f} % {measure} on {data}"
            for data, figures in member.meta.get("_metrics", {}).items()
            for measure, value in figures.items()
        )
        lines.append(f"  {key}  {scores}; {member.meta.get('_file_size', 0):.1f} MB")
    return lines, enum.DEFAULT.meta["categories"]


def _timm(name: str) -> list[str]:
    import timm

    architecture = name.partition(".")[0]
    return [f"  {tag}" for tag in timm.list_pretrained(f"{architecture}.*")]


def _names(choice: str) -> tuple[str, ...]:
    if choice != "torchvision":
        return ()
    from tlx.backbones.torchvision import NAMES

    return tuple(NAMES)
