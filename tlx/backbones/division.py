"""The families of torchvision, cut into stages: one short rule for each.

What is beside a family's blocks belongs to the stage next to it: what halves the picture to
the stage it opens, and all that follows the last block (norms, a last convolution, the
classifier's hidden layers) to the last stage. The head is the last classifying layer alone,
with the dropout right before it, whose place the new head's own dropout takes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision import models

__all__ = ["FAMILIES", "FAMILY_OF", "Family", "Outline", "Parts", "divide"]

Stages = dict[str, list[str]]


class Family(NamedTuple):
    """Models that one rule divides."""

    title: str  # for people
    beginnings: tuple[str, ...]  # of the names of its models
    first: str  # where the first convolution is
    last: str  # where the last classifying layer is
    stages: Callable[[Any], Stages]


class Parts(NamedTuple):
    """A divided model."""

    net: nn.Module
    pool: nn.Module | None
    head: nn.Module
    stages: Stages
    features: int


class Outline(TorchFunctionMode):
    """Within it a module is built with the names and shapes of its tensors, without their values.

    Unlike `torch.device("meta")` it leaves alone what a constructor computes with.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Let parameters and buffers be of the device meta."""
        more = {"device": "meta"} if func in (torch.empty, torch.ones, torch.zeros) else {}
        return func(*args, **{**(kwargs or {}), **more})


def divide(name: str, model: nn.Module) -> Parts:
    """Take the head off the model that torchvision calls `name`, in place, and name its stages."""
    family = FAMILY_OF[name]
    if family.title == "SqueezeNet":
        return _divide_squeezenet(model, family)
    stages = family.stages(model)
    named = [prefix for prefixes in stages.values() for prefix in prefixes]
    stages[list(stages)[-1]] += [
        child
        for child, _ in model.named_children()
        if not any(prefix == child or prefix.startswith(f"{child}.") for prefix in named)
    ]
    head = _taken(model, family.last)
    return Parts(model, None, head, stages, head.in_features)


def _taken(model: nn.Module, last: str) -> nn.Linear:
    parent, _, child = last.rpartition(".")
    holder = model.get_submodule(parent)
    head = holder.get_submodule(child)
    before = str(int(child) - 1) if child.isdigit() else ""
    if isinstance(getattr(holder, before, None), nn.Dropout):
        setattr(holder, before, nn.Identity())
    setattr(holder, child, nn.Identity())
    if not isinstance(head, nn.Linear):
        raise TypeError(f"{last} is {type(head).__name__}, not a linear layer")
    return head


def _resnet(model: Any) -> Stages:
    stages = {"stem": ["conv1", "bn1", "relu", "maxpool"]}
    return stages | {f"layer{i}": [f"layer{i}"] for i in range(1, 5)}


def _regnet(model: Any) -> Stages:
    blocks = [child for child, _ in model.trunk_output.named_children()]
    return {"stem": ["stem"]} | {f"stage{i}": [f"trunk_output.{b}"] for i, b in enumerate(blocks, 1)}


def _vit(model: Any) -> Stages:
    blocks = [f"encoder.layers.{child}" for child, _ in model.encoder.layers.named_children()]
    stages = {"embed": ["class_token", "conv_proj", "encoder.pos_embedding", "encoder.dropout"]}
    stages |= {f"block{i}": [block] for i, block in enumerate(blocks)}
    stages[f"block{len(blocks) - 1}"] += ["encoder.ln", "heads"]
    return stages


def _efficientnet(model: Any) -> Stages:
    """One stage for each row of the papers' tables."""
    stem, *rows, last = _children(model.features)
    stages = {"stem": [stem]} | {f"stage{i}": [row] for i, row in enumerate(rows, 1)}
    stages[f"stage{len(rows)}"].append(last)
    return stages


def _mobilenet(model: Any) -> Stages:
    """A stage is the blocks of one width, which are the rows of the papers' tables."""
    stem, *blocks, last = _children(model.features)
    stages, width = {"stem": [stem]}, None
    for block in blocks:
        wide = model.get_submodule(block).out_channels
        if wide != width:
            stages[f"stage{len(stages)}"], width = [], wide
        stages[list(stages)[-1]].append(block)
    stages[list(stages)[-1]].append(last)
    return stages


def _convnext(model: Any) -> Stages:
    """Every second child halves the picture for the blocks after it."""
    stem, first, *rest = _children(model.features)
    stages = {"stem": [stem], "stage1": [first]}
    return stages | {f"stage{i // 2 + 2}": rest[i : i + 2] for i in range(0, len(rest), 2)}


def _swin(model: Any) -> Stages:
    stages = _convnext(model)
    return {"embed": stages.pop("stem"), **stages}


def _densenet(model: Any) -> Stages:
    stages: Stages = {"stem": []}
    for child in _children(model.features):
        if "transition" in child or child.endswith("denseblock1"):
            stages[f"block{len(stages)}"] = []
        stages[list(stages)[-1]].append(child)
    return stages


def _vgg(model: Any) -> Stages:
    """A pooling ends a block; there is no stem."""
    stages: Stages = {}
    fresh = True
    for child in _children(model.features):
        if fresh:
            stages[f"block{len(stages) + 1}"] = []
        stages[list(stages)[-1]].append(child)
        fresh = isinstance(model.get_submodule(child), nn.MaxPool2d)
    return stages


def _squeezenet(model: Any) -> Stages:
    """A pooling belongs to the stage before it."""
    stages: Stages = {"stem": []}
    for child, module in model.features.named_children():
        if type(module).__name__ == "Fire":
            stages[f"fire{len(stages) + 1}"] = []
        stages[list(stages)[-1]].append(child)
    return stages


def _divide_squeezenet(model: Any, family: Family) -> Parts:
    """Its last layer is a convolution before the pooling."""
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    head = nn.Sequential(*model.classifier, nn.Flatten())
    return Parts(model.features, pool, head, family.stages(model), model.classifier[1].in_channels)


def _children(features: nn.Module) -> list[str]:
    return [f"features.{child}" for child, _ in features.named_children()]


FAMILIES = (
    Family("ConvNeXt", ("convnext_",), "features.0.0", "classifier.2", _convnext),
    Family("DenseNet", ("densenet",), "features.conv0", "classifier", _densenet),
    Family("EfficientNet", ("efficientnet_",), "features.0.0", "classifier.1", _efficientnet),
    Family("MobileNetV2", ("mobilenet_v2",), "features.0.0", "classifier.1", _mobilenet),
    Family("MobileNetV3", ("mobilenet_v3_",), "features.0.0", "classifier.3", _mobilenet),
    Family("RegNet", ("regnet_",), "stem.0", "fc", _regnet),
    Family("ResNet", ("resnet", "resnext", "wide_resnet"), "conv1", "fc", _resnet),
    Family("SqueezeNet", ("squeezenet",), "features.0", "classifier.1", _squeezenet),
    Family("Swin", ("swin_",), "features.0.0", "head", _swin),
    Family("VGG", ("vgg",), "features.0", "classifier.6", _vgg),
    Family("ViT", ("vit_",), "conv_proj", "heads.head", _vit),
)
"""Every family that is divided."""

FAMILY_OF = {
    name: family
    for name in models.list_models(module=models)
    for family in FAMILIES
    if name.startswith(family.beginnings)
}
"""Every model of these families, by torchvision's name for it."""
