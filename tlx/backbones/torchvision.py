"""Models of torchvision, with the weights of its enums or of a file."""

import functools
import math
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn
from torchvision import models

from tlx.backbones.channels import adapt_first_convolution, adapt_preprocessing
from tlx.backbones.division import FAMILIES, FAMILY_OF, Outline, divide
from tlx.backbones.staged import StagedBackbone
from tlx.backbones.weights_file import check_sha256, fill, mismatches, read_tensors, sha256_of
from tlx.errors import CheckpointError, ConfigError, bad_value, unknown_name
from tlx.preprocessing.image import ImagePreprocessing

__all__ = ["NAMES", "torchvision"]

_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
_PATIENCE = 30.0  # seconds that a server may stay silent

NAMES = tuple(FAMILY_OF)
"""The models that `torchvision` builds."""


def torchvision(
    name: str,
    weights: str | None = None,
    sha256: str | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    original_classes: int | None = None,
) -> StagedBackbone:
    """Build a torchvision model without its last layer, with the weights' own preprocessing.

    Stages: ResNet `stem, layer1 ... layer4`; SqueezeNet `stem, fire2 ... fire9`; ViT `embed,
    block0 ...`, where patches, class token and positions are `embed`; DenseNet `stem, block1
    ... block4`; VGG `block1 ... block5`; Swin `embed, stage1 ... stage4`; ConvNeXt,
    EfficientNet, MobileNet and RegNet `stem, stage1 ...`. What lies between the last block
    and the last layer, hidden layers of the classifier too, is in the last stage.

    Args:
        name: A model of these families, as torchvision spells it.
        weights: None for random values; the name of a member of the model's weights enum,
            taken from torch's hub cache or downloaded; or a file with a state_dict of the
            model, with a head of any number of classes or without one.
        sha256: The first 8 to 64 digits of the SHA-256 that the weights' file must have. A
            file that bears a name of torchvision's is held to the digits in that name, too.
        image_size: Side of the picture that the network reads, in pixels, >= 32; None: what
            the weights were trained with.
        channels: Channels of the picture, >= 1; None: those of the weights. Where they differ,
            the first convolution is adapted by `tlx.backbones.channels.adapt_kernel`.
        original_classes: With random values, the classes of an original head to build along,
            for weights that come later (a bundle's do); None: no such head. Weights that are
            given here bring their own.

    Raises:
        ConfigError: There is no such model or weights, or it is of another family.
        CheckpointError: The weights cannot be had, cannot be read, or do not fit.
        SecurityError: The weights' file asks to run code.
    """
    _check_arguments(name, weights, sha256, image_size, original_classes)
    member, path = _find(name, weights)
    preprocessing, note = _preprocessing(member, image_size)
    size = preprocessing.crop
    if path is None:
        known, said, read = original_classes or 0, "random", 3 if channels is None else channels
        model = _model(name, size, read, known or 1000)
    else:
        digest = _verified(path, name, sha256)
        model, known, read = _loaded(name, size, path)
        named = path.name if _is_file(str(weights)) else member.name
        if channels is not None and channels != read:
            adapt_first_convolution(model, channels, read)
            note += f", read with {channels} channels instead of {read}"
            read = channels
        said = f"{named}, sha256 {digest[:12]}{note}"
    parts, classes = divide(name, model), _class_names(member, known)
    return StagedBackbone(
        parts.net,
        parts.stages,
        out_features=parts.features,
        preprocessing=adapt_preprocessing(preprocessing, read),
        recipe={
            "_target_": f"{torchvision.__module__}.{torchvision.__qualname__}",
            "name": name,
            "weights": None,
            "image_size": size,
            "channels": read,
            "original_classes": known or None,
        },
        fresh=functools.partial(_fresh, name, size, read),
        pool=parts.pool,
        original_head=parts.head if classes else None,
        original_classes=classes,
        weights=said,
    )


def _check_arguments(
    name: str, weights: str | None, sha256: str | None, image_size: int | None, original_classes: int | None
) -> None:
    if name not in NAMES:
        if name in models.list_models(module=models):
            raise ConfigError(
                f"name={name!r} is a torchvision model that tlx does not divide into stages yet. "
                f"Supported now: {', '.join(family.title for family in FAMILIES)}",
                fix="name=resnet50",
            )
        raise unknown_name("torchvision model", name, NAMES)
    if sha256 is not None and weights is None:
        raise ConfigError(f"sha256={sha256!r} without weights to hold against it", fix="weights=FILE")
    if original_classes is not None and (weights is not None or original_classes < 1):
        raise bad_value("original_classes", original_classes, "a whole number >= 1, without weights; or null")
    if image_size is not None and image_size < 32:
        raise bad_value("image_size", image_size, "a whole number >= 32, or null")
    patch = int(name.rpartition("_")[2]) if name.startswith("vit_") else 1
    if image_size is not None and image_size % patch:
        raise bad_value("image_size", image_size, f"a multiple of the patches' side, {patch}")


def _is_file(weights: str) -> bool:
    return "/" in weights or weights.endswith(_SUFFIXES) or Path(weights).exists()


def _find(name: str, weights: str | None) -> tuple[Any, Path | None]:
    """The enum member whose preprocessing holds, and the file of the weights."""
    enum = models.get_model_weights(name)
    known = {key: member for key, member in enum.__members__.items() if member.meta["categories"]}
    if weights is None:
        return enum.DEFAULT, None
    if _is_file(weights):
        path = Path(weights).expanduser()
        same = [member for member in known.values() if _file_name(member) == path.name]
        return (same or [enum.DEFAULT])[0], path
    wanted = weights.removeprefix(f"{enum.__name__}.")
    if wanted not in known:
        raise unknown_name(f"weights of {name}", weights, known)
    return known[wanted], _cached(known[wanted])


def _file_name(member: Any) -> str:
    return Path(urlparse(member.url).path).name


def _cached(member: Any) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / _file_name(member)
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _impatient():
            torch.hub.download_url_to_file(member.url, str(path), progress=sys.stderr.isatty())
    except (OSError, RuntimeError) as error:  # URLError and a time-out are OSErrors
        raise CheckpointError(
            f"{member} is not at {str(path)!r} and could not be downloaded from {member.url}: {error}",
            fix="model.weights=FILE with a copy of that file, or model.weights=null for random values",
        ) from error
    return path


@contextmanager
def _impatient() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _verified(path: Path, name: str, sha256: str | None) -> str:
    digest = sha256_of(path)
    if sha256 is not None:
        check_sha256(path, digest, str(sha256), "sha256")  # YAML makes digits alone a number
    in_name = re.fullmatch(rf"{name}(?:_[a-z_]+)?-([0-9a-f]{{8}})\.pth", path.name)
    if in_name:
        check_sha256(path, digest, in_name[1], "its name")
    return digest


def _preprocessing(member: Any, image_size: int | None) -> tuple[ImagePreprocessing, str]:
    own = member.transforms()
    crop, resize = own.crop_size[0], own.resize_size[0]
    size = image_size or crop
    preprocessing = ImagePreprocessing(
        crop=size,
        resize=round(resize * size / crop),
        mean=tuple(own.mean),
        std=tuple(own.std),
        interpolation=own.interpolation.value,
    )
    return preprocessing, "" if size == crop else f", read at {size} pixels instead of {crop}"


def _class_names(member: Any, count: int) -> tuple[str, ...]:
    categories = tuple(str(name) for name in member.meta["categories"])
    return categories if count == len(categories) else tuple(str(index) for index in range(count))


def _model(name: str, size: int, channels: int = 3, classes: int = 1000) -> nn.Module:
    more = {"image_size": size} if name.startswith("vit_") else {}
    model: nn.Module = models.get_model(name, weights=None, num_classes=classes, **more)
    adapt_first_convolution(model, channels)
    return model


def _fresh(name: str, size: int, channels: int) -> nn.Module:
    return divide(name, _model(name, size, channels)).net


def _loaded(name: str, size: int, path: Path) -> tuple[nn.Module, int, int]:
    """The filled model, how many classes the file's head knows (0: it has none), and its channels."""
    tensors = _with_names_of_today(read_tensors(path))
    classes, channels = _shape_of(name, tensors)
    model = _model(name, size, channels, classes or 1000)
    whole, last = dict(tensors), FAMILY_OF[name].last + "."
    if not any(key.startswith(last) for key in tensors):
        whole |= {key: value for key, value in model.state_dict().items() if key.startswith(last)}
    fill(model, whole, path, functools.partial(_advice, name, size, tensors))
    return model, classes, channels


def _with_names_of_today(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published files of DenseNet write `norm.1` where the model says `norm1`."""
    old = r"(denselayer\d+\.(?:norm|conv))\.([12]\.)"
    return {re.sub(old, r"\1\2", name): tensor for name, tensor in tensors.items()}


def _shape_of(name: str, tensors: Mapping[str, Tensor]) -> tuple[int, int]:
    """Classes (0: no head) and channels that a file's tensors speak of."""
    family = FAMILY_OF[name]
    head, kernel = tensors.get(f"{family.last}.weight"), tensors.get(f"{family.first}.weight")
    classes = len(head) if head is not None and head.ndim else 0
    return classes, kernel.shape[1] if kernel is not None and kernel.ndim == 4 else 3


def _advice(name: str, size: int, tensors: Mapping[str, Tensor]) -> str:
    """What to try with a file that is not of the model `name`: the model that it is of."""
    for other in [name, *NAMES]:
        if not {f"{FAMILY_OF[other].first}.weight", f"{FAMILY_OF[other].last}.weight"} <= tensors.keys():
            continue
        classes, channels = _shape_of(other, tensors)
        read_at, positions = size, tensors.get("encoder.pos_embedding")
        if other.startswith("vit_") and positions is not None and positions.ndim == 3:
            read_at = math.isqrt(positions.shape[1] - 1) * int(other.rpartition("_")[2])
        with Outline():
            model = _model(other, read_at, channels, classes or 1000)
        if mismatches(model, tensors) == ([], []):
            more = "" if read_at == size else f" model.image_size={read_at}"
            return f"model.name={other}{more}, whose names and shapes these are"
    return "a file with the state_dict of this very model, or model.weights=null for random values"
