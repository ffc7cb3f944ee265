"""Any network of your own: a class or function of a package that you trust."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tlx.backbones.channels import adapt_first_convolution, adapt_preprocessing
from tlx.backbones.children import by_children, divided, named_stages, without_lone_norms
from tlx.backbones.dry_run import Observed, first_convolution, tried
from tlx.backbones.factory import Factory
from tlx.backbones.headless import Headless, call
from tlx.backbones.staged import StagedBackbone
from tlx.backbones.weights_file import check_sha256, read_tensors, sha256_of
from tlx.backbones.weights_layout import aligned, check_finite, fill_what_fits
from tlx.errors import ConfigError
from tlx.preprocessing.image import ImagePreprocessing
from tlx.preprocessing.text import TextPreprocessing, from_folder
from tlx.types import Inputs

__all__ = ["module"]

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, as torchvision's weights take them."""

_log = logging.getLogger(__name__)


def module(
    net: Callable[..., nn.Module],
    stages: Mapping[str, Any] | Sequence[str] | None = None,
    original_head: str | Literal[False] | None = None,
    weights: str | None = None,
    sha256: str | None = None,
    strict: bool = False,
    channels: int | None = None,
    image_size: int = 224,
    resize: int | None = None,
    mean: Sequence[float] = MEAN,
    std: Sequence[float] = STD,
    interpolation: str = "bilinear",
    tokenizer: str | None = None,
    max_length: int = 128,
    original_classes: int | None = None,
) -> StagedBackbone:
    """Make a backbone of a network of your own: what it is made of is seen from one dry run.

    Args:
        net: Builds the network: a class, or a function that gives one, that can be imported. It
            reads pictures, (B, C, H, W), or with a `tokenizer` token numbers and their mask,
            (B, T) each, by the names `input_ids` and `attention_mask` or in this order.
        stages: Stage names with the dotted names of the children (or parameters) that belong
            to each, from the input up; or a list of children, each of them a stage; None: the
            children in the order they are called, see `tlx.backbones.children.by_children`.
        original_head: Dotted name of the last layer, in whose place the new head comes: what it
            reads becomes the features. None: the linear layer whose output, or a softmax of it,
            the network returns. False: there is none, and what the network returns is the
            features, (B, D) or (B, D, H, W).
        weights: A file with a state_dict, in any of the layouts of
            `tlx.backbones.weights_layout`; None: the values that `net` sets, which count as random
            unless it sets the same ones twice.
        sha256: The first 8 to 64 digits of the SHA-256 that the weights' file must have.
        strict: Refuse a file that does not fit to the last tensor; otherwise what fits is taken,
            the rest is named, and a file that holds less than half of the values is refused.
        channels: Channels of the picture, >= 1; None: those that the first convolution reads.
            Where they differ, that is adapted by `tlx.backbones.channels.adapt_kernel`.
        image_size: Side of the picture that the network reads, in pixels, >= 1.
        resize: Length of the shorter side before the centre crop, in pixels; None: 8/7 of
            `image_size`, ImageNet's custom.
        mean: Subtracted from each channel, of values in [0, 1].
        std: Divides each channel, > 0.
        interpolation: How pictures are resized: nearest, bilinear, bicubic or lanczos.
        tokenizer: A folder with a tokenizer of the package transformers; the network then reads text.
        max_length: Most tokens of a text, >= 3; the rest is cut off.
        original_classes: For weights that come later (a bundle's do): the classes of the
            original head that they bring; None: they bring none.

    Raises:
        ConfigError: The network cannot be built or run, or cannot be cut as it is asked for.
        CheckpointError: The weights cannot be read, or are of another network.
        SecurityError: The weights' file asks to run code.
    """
    factory = Factory(net)
    model = factory.first()
    first, known = (None, 3) if tokenizer else _first(model, image_size)
    preprocessing = _preprocessing(
        known if channels is None else channels,
        tokenizer,
        max_length,
        functools.partial(_pictures, image_size, resize, mean, std, interpolation),
    )
    inputs = _inputs(preprocessing, known)
    seen = tried(model, lambda: call(model, inputs), original_head or None)
    head = _head(model, seen, original_head)
    layer = model.get_submodule(head) if head else None
    later = seen.after(model, head) if head else []
    backbone = Headless(model, head, later)
    said, filled = _weights(factory, backbone, layer, later, weights, sha256, strict, first)
    if channels is not None and channels != known:
        adapt_first_convolution(model, channels, known, first)
        inputs = _inputs(preprocessing, channels)
        said += "" if weights is None else f", read with {channels} channels instead of {known}"
    features = tried(backbone, lambda: backbone(inputs), name=type(model).__name__).output
    division = _division(model, stages, seen.order)
    classes = _classes(seen.gives[head]) if head and (filled or original_classes) else 0
    return StagedBackbone(
        backbone,
        {name: [f"module.{prefix}" for prefix in prefixes] for name, prefixes in division.items()},
        out_features=_width(features, model, head),
        preprocessing=preprocessing,
        recipe={
            "_target_": f"{module.__module__}.{module.__qualname__}",
            "net": factory.recipe,
            "stages": division,
            "original_head": head or False,
            "weights": None,
            "channels": None if tokenizer else known if channels is None else channels,
            "image_size": image_size,
            "resize": resize,
            "mean": list(mean),
            "std": list(std),
            "interpolation": interpolation,
            "tokenizer": "bundle:tokenizer" if tokenizer else None,
            "max_length": max_length,
            "original_classes": classes or None,
        },
        fresh=functools.partial(_fresh, factory, head, later, channels, known, first),
        pool=_pool() if features.ndim == 4 else None,
        original_head=_logits(layer, seen.gives[head]) if classes and head and layer else None,
        original_classes=[str(number) for number in range(classes)],
        weights=said,
    )


def _fresh(
    factory: Factory,
    head: str | None,
    later: Sequence[str],
    channels: int | None,
    known: int,
    first: str | None,
) -> Headless:
    model = factory.random()
    if channels is not None and channels != known:
        adapt_first_convolution(model, channels, known, first)
    return Headless(model, head, later)


def _first(model: nn.Module, side: int) -> tuple[str | None, int]:
    return first_convolution(model, lambda channels: call(model, torch.zeros(2, channels, side, side)))


def _pictures(
    size: int, resize: int | None, mean: Sequence[float], std: Sequence[float], interpolation: str
) -> ImagePreprocessing:
    longer = round(size * 8 / 7) if resize is None else resize
    return ImagePreprocessing(size, longer, tuple(mean), tuple(std), len(mean), interpolation)


def _preprocessing(
    channels: int, tokenizer: str | None, max_length: int, pictures: Callable[[], ImagePreprocessing]
) -> ImagePreprocessing | TextPreprocessing:
    if tokenizer is not None:
        return from_folder(tokenizer, max_length)
    return adapt_preprocessing(pictures(), channels)


def _inputs(preprocessing: ImagePreprocessing | TextPreprocessing, channels: int) -> Inputs:
    """A batch of two to try the network with: noise, or a short and a longest text."""
    if isinstance(preprocessing, TextPreprocessing):
        texts = ("a", "a " * preprocessing.max_length)
        return preprocessing.collate([preprocessing.prepare(text) for text in texts])
    side = preprocessing.crop
    return torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(0))


def _head(model: nn.Module, seen: Observed, wish: str | bool | None) -> str | None:
    """The name of the last layer, found or as it was wished."""
    if wish is False:
        return None
    if isinstance(wish, str):
        if wish not in dict(model.named_modules()) or wish not in seen.gives:
            called = [name for name in seen.gives if list(model.get_submodule(name).parameters())]
            raise ConfigError(
                f"model.original_head={wish!r} is no layer that the network calls. "
                f"The last that it calls: {', '.join(called[-3:])}",
                fix=f"model.original_head={called[-1]}" if called else "model.original_head=false",
            )
        return wish
    last = seen.last_linear(model)
    if not last:
        return None
    if seen.ends_with(last):
        return last
    raise ConfigError(
        f"the last linear layer {last!r} does not give what the network returns, so it is not clear "
        "whether it is the head",
        fix=f"model.original_head={last} to put the new head in its place, or "
        "model.original_head=false to put it on what the network returns",
    )


def _weights(
    factory: Factory,
    backbone: Headless,
    layer: nn.Module | None,
    later: Sequence[str],
    weights: str | None,
    sha256: str | None,
    strict: bool,
    first: str | None,
) -> tuple[str, bool]:
    """What the values are, for people, and whether the original head was filled."""
    if weights is None:
        if sha256 is not None:
            raise ConfigError(
                f"sha256={sha256!r} without weights to hold against it", fix="model.weights=FILE"
            )
        return f"as {factory.name} sets them" if factory.sets_weights() else "random", False
    path = Path(weights).expanduser()
    digest = sha256_of(path)
    if sha256 is not None:
        check_sha256(path, digest, str(sha256), "sha256")  # YAML makes digits alone a number
    head = backbone.head
    names = backbone.module.state_dict()
    if layer is not None:
        names |= {f"{head}.{name}": tensor for name, tensor in layer.state_dict().items()}
    found = aligned(read_tensors(path), names)
    tensors = found.tensors
    above = {
        name: tensor for name, tensor in tensors.items() if layer is not None and name.startswith(f"{head}.")
    }
    gone = tuple(f"{name}." for name in (head, *later) if name)
    rest = {name: tensor for name, tensor in tensors.items() if not name.startswith(gone)}
    fit = fill_what_fits(backbone.module, rest, path, first, strict)
    if layer is not None:
        check_finite({n.removeprefix(f"{head}."): t for n, t in above.items()}, layer, path)
    said = ", ".join(part for part in (path.name, f"sha256 {digest[:12]}", found.said) if part)
    if not found.usual:
        _log.warning("%s is read with its %s", path.name, found.said)
    if str(fit):
        _log.warning("%s does not fit to the last tensor: %s", path.name, fit.named())
        said += f", {fit}"
    if fit.adapted:
        said += ", first convolution adapted to other channels"
    return said, layer is not None and _filled(
        layer, {n.removeprefix(f"{head}."): t for n, t in above.items()}
    )


def _filled(layer: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    own = layer.state_dict()
    if {name: t.shape for name, t in own.items()} != {name: t.shape for name, t in tensors.items()}:
        return False
    layer.load_state_dict(dict(tensors))
    return True


def _division(
    model: nn.Module, stages: Mapping[str, Any] | Sequence[str] | None, order: Mapping[str, int]
) -> dict[str, list[str]]:
    if not any(True for _ in model.parameters()):
        raise ConfigError(
            f"{type(model).__name__} has no parameters beside its head: there is nothing to carry over",
            fix="another network, or model.original_head=false",
        )
    if stages is None:
        return divided(model, without_lone_norms(model, by_children(model, order)), order)
    return divided(model, named_stages(model, stages), order)


def _width(features: Any, model: nn.Module, head: str | None) -> int:
    if torch.is_tensor(features) and features.ndim in (2, 4) and len(features) == 2:
        return int(features.shape[1])
    found = f"shape {tuple(features.shape)}" if torch.is_tensor(features) else f"a {type(features).__name__}"
    read = f"the layer {head!r} reads" if head else f"{type(model).__name__} returns"
    raise ConfigError(
        f"{read} {found} for a batch of two. Expected features, (2, D) or (2, D, H, W)",
        fix="model.original_head=NAME of another layer, or a forward that takes the mean over tokens",
    )


def _pool() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _classes(given: Any) -> int:
    return int(given.shape[1]) if torch.is_tensor(given) and given.ndim in (2, 4) else 0


def _logits(layer: nn.Module, given: Tensor) -> nn.Module:
    return nn.Sequential(layer, _pool()) if given.ndim == 4 else layer
