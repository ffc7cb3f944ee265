"""Models of the package timm by name, cut into the stages that timm itself orders them by."""

import functools
import importlib
import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from tlx.backbones import hub
from tlx.backbones.channels import adapt_first_convolution, adapt_preprocessing
from tlx.backbones.children import by_children, divided, stage_name, with_buffers, without_lone_norms
from tlx.backbones.dry_run import Observed, observe
from tlx.backbones.staged import StagedBackbone
from tlx.backbones.weights_file import check_sha256, fill, read_tensors, refuse_code, sha256_of
from tlx.backbones.weights_layout import aligned
from tlx.errors import CheckpointError, ConfigError, bad_value, unknown_name
from tlx.preprocessing.image import ImagePreprocessing

__all__ = ["timm"]

SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".tar", ".safetensors")


def timm(
    name: str,
    weights: bool | str | None = None,
    sha256: str | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    original_classes: int | None = None,
) -> StagedBackbone:
    """Build a model of timm without its classifier, with the preprocessing of its data config.

    Stages are those of timm's own `group_matcher(coarse=True)`, named after their modules:
    `stem, layer1 ...`, `stem, block0 ...`. A group of norms alone, and what is left of a
    classifier's surroundings, joins the stage before it; a model without such groups is cut by
    its children.

    Args:
        name: A model as timm spells it, perhaps with a tag (`vit_tiny_patch16_224.augreg_in21k`)
            that says which weights, and with them which preprocessing, are meant.
        weights: True: the published ones of the name's tag, or of timm's first tag, from the hub's
            local cache or downloaded; a tag: those; a file with a state_dict of the model, with a
            classifier of any number of classes or without one; None or False: random values.
        sha256: The first 8 to 64 digits of the SHA-256 that the weights' file must have.
        image_size: Side of the picture that the network reads, in pixels, >= 32; None: that of
            the data config.
        channels: Channels of the picture, >= 1; None: those of the weights. Where they differ,
            the first convolution is adapted by `tlx.backbones.channels.adapt_kernel`.
        original_classes: With random values, the classes of an original head to build along,
            for weights that come later (a bundle's do); None: no such head.

    Raises:
        ConfigError: The package timm is missing, there is no such model or tag, or a setting
            cannot be used.
        CheckpointError: The weights cannot be had, cannot be read, or do not fit.
        SecurityError: The weights' file asks to run code.
    """
    library = _library()
    _check(library, name, weights, sha256, image_size, original_classes)
    name, path = _chosen(library, name, weights)
    said, known = "random", original_classes or 0
    if path is not None:
        model, known, said = _filled(library, name, image_size, path, sha256)
    elif weights:
        model, said = _published(library, name, image_size, sha256)
        known = int(model.num_classes)
    else:
        model = _model(library, name, image_size, known or None)
    preprocessing, own = _preprocessing(library, model, image_size)
    head = model.get_classifier()
    net = _headless(model, own.channels, channels)
    if weights and channels not in (None, own.channels):
        said += f", read with {channels} channels instead of {own.channels}"
    read = own.channels if channels is None else channels
    seen = _seen(net, name, (2, read, preprocessing.crop, preprocessing.crop))
    width = int(seen.output.shape[1])
    kept = known if isinstance(head, nn.Module) and not isinstance(head, nn.ModuleList) else 0
    return StagedBackbone(
        net,
        divided(net, without_lone_norms(net, _owners(library, net, seen.order)), seen.order),
        out_features=width,
        preprocessing=adapt_preprocessing(preprocessing, read),
        recipe={
            "_target_": f"{timm.__module__}.{timm.__qualname__}",
            "name": name,
            "weights": None,
            "image_size": preprocessing.crop,
            "channels": read,
            "original_classes": kept or None,
        },
        fresh=functools.partial(_fresh, library, name, preprocessing.crop, own.channels, channels),
        pool=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()) if seen.output.ndim == 4 else None,
        original_head=head if kept else None,
        original_classes=[str(number) for number in range(kept)],
        weights=said,
    )


def _library() -> Any:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise ConfigError("these models need the package timm", fix="pip install tlx[timm]") from error


def _check(
    library: Any,
    name: str,
    weights: bool | str | None,
    sha256: str | None,
    image_size: int | None,
    original_classes: int | None,
) -> None:
    architecture, _, tag = name.partition(".")
    if architecture not in library.list_models():
        raise unknown_name("timm model", architecture, library.list_models())
    tags = _tags(library, architecture)
    if tag and tag not in tags:
        raise unknown_name(f"tag of {architecture}", tag, tags)
    if sha256 is not None and not weights:
        raise ConfigError(f"sha256={sha256!r} without weights to hold against it", fix="weights=FILE")
    if original_classes is not None and (weights or original_classes < 1):
        raise bad_value("original_classes", original_classes, "a whole number >= 1, without weights; or null")
    if image_size is not None and image_size < 32:
        raise bad_value("image_size", image_size, "a whole number >= 32, or null")


def _tags(library: Any, architecture: str) -> list[str]:
    listed = library.list_pretrained(f"{architecture}.*")
    return [str(name).partition(".")[2] for name in listed]


def _chosen(library: Any, name: str, weights: bool | str | None) -> tuple[str, Path | None]:
    """The name with the tag that is meant, and the file of the weights."""
    if not isinstance(weights, str):
        return name, None
    if "/" in weights or weights.endswith(SUFFIXES) or Path(weights).exists():
        return name, Path(weights).expanduser()
    architecture = name.partition(".")[0]
    tags = _tags(library, architecture)
    tag = weights.removeprefix(f"{architecture}.")
    if tag not in tags:
        raise unknown_name(f"weights of {architecture}", weights, tags)
    return f"{architecture}.{tag}", None


def _model(library: Any, name: str, size: int | None, classes: int | None, **more: Any) -> Any:
    cfg = library.get_pretrained_cfg(name)
    if size is not None and cfg is not None and cfg.fixed_input_size:
        more["img_size"] = size
    if classes is not None:
        more["num_classes"] = classes
    try:
        return library.create_model(name, **more)
    except (AssertionError, ValueError, RuntimeError, TypeError) as error:
        if more.get("pretrained") or size is None:
            raise
        raise ConfigError(
            f"{name} cannot be built for image_size={size}: {error}", fix="image_size=null"
        ) from error


def _published(library: Any, name: str, size: int | None, sha256: str | None) -> tuple[Any, str]:
    """The model with its published weights, and what they are."""
    with hub.asked_if_reachable():
        try:
            model = _model(library, name, size, None, pretrained=True)
        except Exception as error:  # timm and the hub's client raise whatever they meet
            refuse_code(error, name)
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise CheckpointError(
                f"the weights of {name} are not in the hub's local cache and cannot be had ({reason})",
                fix="model.weights=FILE with a state_dict of that model, or model.weights=null",
            ) from error
    cfg = model.pretrained_cfg
    said = f"{cfg['architecture']}.{cfg['tag']}" if cfg.get("tag") else name
    path = hub.cached_weights(str(cfg.get("hf_hub_id") or ""))
    if sha256 is not None and path is None:
        raise ConfigError(f"the file of {said} is not known, to hold sha256 against it", fix="sha256=null")
    if path is not None:
        digest = sha256_of(path)
        if sha256 is not None:
            check_sha256(path, digest, str(sha256), "sha256")
        said += f", sha256 {digest[:12]}"
    return model, said


def _filled(
    library: Any, name: str, size: int | None, path: Path, sha256: str | None
) -> tuple[Any, int, str]:
    """The model with a file's weights, the classes that its classifier knows, and what they are."""
    digest = sha256_of(path)
    if sha256 is not None:
        check_sha256(path, digest, str(sha256), "sha256")  # YAML makes digits alone a number
    tensors = read_tensors(path)
    model = _model(library, name, size, None)
    found = aligned(tensors, model.state_dict())
    tensors = found.tensors
    classifier = model.pretrained_cfg.get("classifier")
    layers = [classifier] if isinstance(classifier, str) else list(classifier or ())
    bias = [tensors[f"{layer}.bias"] for layer in layers if f"{layer}.bias" in tensors]
    classes = len(bias[0]) if bias else 0
    if classes:
        model = _model(library, name, size, classes)
    own = model.state_dict()
    if not classes:
        tensors |= {key: own[key] for key in own if key.startswith(tuple(f"{layer}." for layer in layers))}
    fill(model, tensors, path, functools.partial(_advice, name))
    said = (path.name, f"sha256 {digest[:12]}", found.said)
    return model, classes, ", ".join(part for part in said if part)


def _advice(name: str) -> str:
    return (
        f"a file with the state_dict of timm's {name}, model.image_size of the weights, "
        "or model.weights=null for random values"
    )


def _preprocessing(
    library: Any, model: Any, size: int | None
) -> tuple[ImagePreprocessing, ImagePreprocessing]:
    config = library.data.resolve_model_data_config(model)
    side = size or max(config["input_size"][1:])
    preprocessing = ImagePreprocessing(
        crop=side,
        resize=math.floor(side / config["crop_pct"]),
        mean=config["mean"],
        std=config["std"],
        channels=len(config["mean"]),
        interpolation=config["interpolation"],
    )
    return preprocessing, adapt_preprocessing(preprocessing, int(config["input_size"][0]))


def _headless(model: Any, known: int, channels: int | None) -> nn.Module:
    """The model without its classifier, reading `channels`."""
    model.reset_classifier(0)
    if channels is not None and channels != known:
        first = model.pretrained_cfg.get("first_conv") or ""
        for layer in [first] if isinstance(first, str) else first:
            adapt_first_convolution(model.get_submodule(layer), channels, known)
    net: nn.Module = model
    return net


def _fresh(library: Any, name: str, size: int, known: int, channels: int | None) -> nn.Module:
    return _headless(_model(library, name, size, None), known, channels)


def _seen(net: nn.Module, name: str, shape: tuple[int, ...]) -> Observed:
    """A dry run without arithmetic; with it where the model asks for values."""
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    try:
        outline = {name: tensor.to("meta") for name, tensor in tensors.items()}
        inputs = torch.empty(shape, device="meta")
        return observe(net, lambda: functional_call(net, outline, (inputs,)))
    except (NotImplementedError, RuntimeError, AssertionError):
        pass
    try:
        return observe(net, lambda: net(torch.zeros(shape)))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ConfigError(
            f"{name} cannot read pictures of {shape[2]} pixels: {error}", fix="model.image_size=null"
        ) from error


def _owners(library: Any, net: Any, order: Mapping[str, int]) -> dict[str, str]:
    """The stage of each tensor: timm's groups, named after the modules that most of each lie in."""
    if not hasattr(net, "group_matcher"):
        return by_children(net, order)
    groups: dict[int, list[str]] = library.models.group_parameters(net, net.group_matcher(coarse=True))
    named = {number: names for number, names in sorted(groups.items()) if names}
    owners: dict[str, str] = {}
    for number, names in named.items():
        beside = {name for other, taken in named.items() if other != number for name in taken}
        stage = "stem" if number == 0 else _title(net, names, beside)
        stage = f"{stage}_{number}" if stage in owners.values() else stage
        owners |= dict.fromkeys(names, stage)
    return with_buffers(net, owners)


def _title(net: nn.Module, names: list[str], beside: set[str]) -> str:
    """The shortest module name that most of a group's values have, and no other group."""
    sizes = dict(net.named_parameters())
    for depth in range(1, max(name.count(".") for name in names) + 1):
        share: Counter[str] = Counter()
        for name in names:
            share[".".join(name.split(".")[:depth])] += sizes[name].numel()
        prefix = share.most_common(1)[0][0]
        if not any(f"{name}.".startswith(f"{prefix}.") for name in beside):
            return stage_name(prefix)
    return stage_name(names[0].rpartition(".")[0])
