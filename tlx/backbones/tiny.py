"""The built-in backbone: a small residual network that knows handwritten characters.

Its weights ship with the package, so that a first run needs no download. They were trained
by `scripts/pretrain_tiny.py` on Omniglot (Lake, Salakhutdinov and Tenenbaum 2015, "Human-level
concept learning through probabilistic program induction", Science 350, MIT licence); the card
beside them says how well, and how much they help on digits.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from tlx.backbones.staged import StagedBackbone
from tlx.errors import CheckpointError, bad_value, nearest, unknown_name
from tlx.preprocessing.image import ImagePreprocessing

__all__ = ["FEATURES", "SIZE", "WEIGHTS", "Network", "source_statistics", "tiny"]

FEATURES = 128
"""Length of a feature vector."""

SIZE = 32
"""Height and width of what the network reads, in pixels."""

WEIGHTS = Path(__file__).with_name("weights")
"""Where the shipped weights and their cards lie."""

STAGES = {name: (name,) for name in ("stem", "layer1", "layer2", "layer3")}


class Network(nn.Module):
    """Grey images, shape (B, 1, 32, 32), to maps, shape (B, 128, 4, 4).

    A stem and three layers of two, two and one basic blocks (He, Zhang, Ren and Sun 2015,
    arXiv 1512.03385), 32, 64 and 128 channels wide, each of which halves height and width.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True)
        )
        self.layer1 = nn.Sequential(Block(32, 32, 2), Block(32, 32, 1))
        self.layer2 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1))
        self.layer3 = nn.Sequential(Block(64, FEATURES, 2))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Maps of the last layer, shape (B, 128, H / 8, W / 8)."""
        maps: Tensor = self.layer3(self.layer2(self.layer1(self.stem(images))))
        return maps


class Block(nn.Module):
    """Two 3x3 convolutions beside a short cut.

    Args:
        width_in: Channels that come in.
        width: Channels that go out.
        stride: Step of the first convolution, 1 or 2.
    """

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(width_in, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, maps: Tensor) -> Tensor:
        """Maps, shape (B, width, H / stride, W / stride)."""
        inner = functional.relu(self.norm1(self.conv1(maps)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.shortcut(maps))


def tiny(weights: str | None = "omniglot", original_classes: Sequence[str] = ()) -> StagedBackbone:
    """The built-in residual network for grey images of 32 x 32.

    Args:
        weights: The name of shipped weights; None for random values; or the path of a file
            that `scripts/pretrain_tiny.py` wrote. The SHA-256 in the card beside a file is
            compared with the file's own.
        original_classes: With random values: make room for an original head of these classes,
            as a bundle that brings its own values does.

    Raises:
        ConfigError: There are no shipped weights of that name, or they come with a head of their own.
        CheckpointError: The file is missing, damaged, or not of this network.
    """
    net, said, classes = Network(), "random", tuple(original_classes)
    head: nn.Sequential | None = None
    if classes:
        head = nn.Sequential(*_pool(), nn.Linear(FEATURES, len(classes)))
    if weights is not None and original_classes:
        raise bad_value(
            "original_classes", list(original_classes), "none beside weights, which bring their own head"
        )
    if weights is not None:
        file = _find(weights)
        content, card = _verified(file)
        tensors = _tensors(content, file)
        head = _fill(net, tensors, file)
        numbers = range(len(tensors.get("head.bias", ())))
        classes = tuple(card.get("classes", map(str, numbers)))
        said = f"{weights} (SHA-256 {hashlib.sha256(content).hexdigest()[:12]})"
    return StagedBackbone(
        net,
        STAGES,
        out_features=FEATURES,
        preprocessing=ImagePreprocessing(
            crop=SIZE, resize=SIZE, mean=(0.3,), std=(0.35,), channels=1, scale=(0.7, 1.0)
        ),
        recipe={
            "_target_": "tlx.backbones.tiny.tiny",
            "weights": None,
            "original_classes": list(classes) if head is not None else [],
        },
        fresh=Network,
        pool=_pool(),
        original_head=head,
        original_classes=classes,
        weights=said,
    )


def source_statistics(weights: str = "omniglot") -> tuple[Tensor, Tensor]:
    """Mean (D,) and covariance (D, D) of the features of the characters held out in pre-training.

    Raises:
        ConfigError: There are no shipped weights of that name.
        CheckpointError: The file is missing or damaged.
    """
    file = _find(weights)
    content, _ = _verified(file.with_name(f"{file.stem}_features.safetensors"), file.with_suffix(".json"))
    tensors = _tensors(content, file)
    return tensors["mean"], tensors["covariance"]


def _pool() -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _find(weights: str) -> Path:
    shipped = {file.stem.removeprefix("tiny_"): file for file in WEIGHTS.glob("tiny_*.json")}
    if weights in shipped:
        return shipped[weights].with_suffix(".safetensors")
    file = Path(weights).expanduser()
    if file.is_file():
        return file
    if file.suffix or len(file.parts) > 1:
        ways = f"one of {', '.join(sorted(shipped))}, null for random values, or the path of a file"
        raise CheckpointError(f"there is no weights file {weights!r}", where="model.weights", fix=ways)
    error = unknown_name("weights of tiny", weights, shipped)
    error.fix = (
        f"{nearest(weights, shipped) or 'one of these'}, null for random values, or the path of a file"
    )
    raise error


def _verified(file: Path, card_file: Path | None = None) -> tuple[bytes, dict[str, Any]]:
    card_file = card_file or file.with_suffix(".json")
    try:
        content = file.read_bytes()
        card = json.loads(card_file.read_text("utf-8")) if card_file.is_file() else None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file.name} or its card cannot be read: {error}", where=str(file)) from error
    if card is None:
        return content, {}
    hashes = card.get("sha256", {}) if isinstance(card, dict) else {}
    found, expected = hashlib.sha256(content).hexdigest(), str(hashes.get(file.name, "no such file"))
    if found != expected:
        raise CheckpointError(
            f"{file.name} has SHA-256 {found[:12]}, its card says {expected[:12]}",
            where=str(file),
            fix="install tlx again, or fetch the file again; it is damaged or not the one of the card",
        )
    return content, card


def _tensors(content: bytes, file: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{file.name} is not a safetensors file: {error}", where=str(file)) from error
    return tensors


def _fill(net: nn.Module, tensors: dict[str, Tensor], file: Path) -> nn.Sequential | None:
    own = {name.removeprefix("net."): value for name, value in tensors.items() if name.startswith("net.")}
    try:
        net.load_state_dict(own)
    except RuntimeError as error:
        raise CheckpointError(
            f"{file.name} does not hold the weights of tiny: {str(error).splitlines()[1].strip()}",
            where=str(file),
            fix="a file that scripts/pretrain_tiny.py wrote",
        ) from error
    if "head.weight" not in tensors:
        return None
    weight, bias = tensors["head.weight"], tensors["head.bias"]
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.copy_(bias)
    return nn.Sequential(*_pool(), linear)
