"""A small member of every family, for tests that take all of them the same way.

Where a family's smallest published member is too large to train in a test, its own class is
built with fewer and narrower blocks, and divided by the family's own rule.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.efficientnet import FusedMBConvConfig, MBConvConfig
from torchvision.models.mobilenetv3 import InvertedResidualConfig
from torchvision.models.regnet import BlockParams
from torchvision.models.resnet import Bottleneck
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

from tests.backbones import nets
from tlx.backbones.division import Outline, divide
from tlx.backbones.mlp import mlp
from tlx.backbones.module import module
from tlx.backbones.staged import StagedBackbone
from tlx.backbones.timm import timm
from tlx.backbones.tiny import tiny
from tlx.backbones.torchvision import torchvision
from tlx.backbones.transformers import transformers
from tlx.preprocessing.image import ImagePreprocessing

SIDE = 32
PUBLISHED = (
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "squeezenet1_1",
    "swin_t",
    "swin_v2_t",
    "vgg11_bn",
    "vit_b_32",
)
"""The smallest members, as torchvision names them."""


def vgg() -> nn.Module:
    wide = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(True), nn.MaxPool2d(2)]
    features = nn.Sequential(*wide, nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(True), nn.MaxPool2d(2))
    with Outline():  # its own classifier alone would be 120 million values
        model = models.VGG(features, init_weights=False)
    hidden = [nn.Linear(12 * 49, 16), nn.ReLU(True), nn.Dropout(0.5), nn.Linear(16, 16), nn.ReLU(True)]
    model.classifier = nn.Sequential(*hidden, nn.Dropout(0.5), nn.Linear(16, 5))
    return model


def swin(**more: Any) -> nn.Module:
    return models.SwinTransformer(
        [4, 4], 8, [1, 2, 1], [2, 2, 4], [2, 2], stochastic_depth_prob=0.3, dropout=0.1, num_classes=5, **more
    )


def efficientnet() -> nn.Module:
    rows = [
        FusedMBConvConfig(2, 3, 1, 8, 8, 2),
        MBConvConfig(2, 3, 2, 8, 12, 2),
        MBConvConfig(2, 3, 2, 12, 16, 1),
    ]
    return models.EfficientNet(rows, dropout=0.2, stochastic_depth_prob=0.3, num_classes=5, last_channel=24)


def mobilenet_v3() -> nn.Module:
    rows = [(8, 16, 8, "RE", 2), (8, 16, 8, "HS", 1), (8, 24, 12, "HS", 2), (12, 24, 16, "HS", 1)]
    setting = [InvertedResidualConfig(a, 3, b, c, True, act, s, 1, 1.0) for a, b, c, act, s in rows]
    return models.MobileNetV3(setting, 24, num_classes=5)


NARROW: dict[str, Callable[[], nn.Module]] = {
    "convnext_tiny": lambda: models.ConvNeXt(
        [CNBlockConfig(8, 12, 2), CNBlockConfig(12, 16, 1), CNBlockConfig(16, None, 1)], 0.3, num_classes=5
    ),
    "densenet121": lambda: models.DenseNet(4, (2, 2, 1, 1), 8, drop_rate=0.1, num_classes=5),
    "efficientnet_b0": efficientnet,
    "mobilenet_v2": lambda: models.MobileNetV2(5, 0.25, [[1, 16, 1, 1], [2, 24, 2, 2], [2, 32, 1, 2]]),
    "mobilenet_v3_small": mobilenet_v3,
    "regnet_y_400mf": lambda: models.RegNet(
        BlockParams.from_init_params(depth=5, w_0=16, w_a=12.0, w_m=2.0, group_width=8, se_ratio=0.25), 5
    ),
    "resnet18": lambda: models.ResNet(Bottleneck, [1, 1, 1, 1], 5, width_per_group=4),
    "swin_t": swin,
    "swin_v2_t": lambda: swin(block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2),
    "vgg11_bn": vgg,
    "vit_b_32": lambda: models.VisionTransformer(SIDE, 8, 3, 2, 16, 32, dropout=0.1, num_classes=5),
}


def narrow(name: str, _: Path) -> StagedBackbone:
    parts = divide(name, NARROW[name]())
    half = (0.5, 0.5, 0.5)
    return StagedBackbone(
        parts.net,
        parts.stages,
        out_features=parts.features,
        preprocessing=ImagePreprocessing(SIDE, SIDE, half, half),
        recipe={"_target_": "tests.backbones.families.narrow", "name": name},
        fresh=lambda: divide(name, NARROW[name]()).net,
        pool=parts.pool,
    )


def bert(folder: Path) -> StagedBackbone:
    library = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dull", "fine", "good", "film", "and", "long"]
    (folder / "vocab.txt").write_text("\n".join(words))
    library.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    library.BertConfig(
        vocab_size=11,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
    ).save_pretrained(folder)
    return transformers(str(folder), pretrained=False, max_length=16)


def of_timm(name: str, _: Path) -> StagedBackbone:
    pytest.importorskip("timm")
    return timm(name, image_size=SIDE)


FAMILIES: dict[str, Callable[[Path], StagedBackbone]] = {
    **{name: partial(narrow, name) for name in NARROW},
    "squeezenet1_1": lambda _: torchvision("squeezenet1_1", image_size=SIDE),
    "tiny": lambda _: tiny(None),
    "mlp": lambda _: mlp([24, 16, 12], channels=3, image_size=8),
    "timm vit": partial(of_timm, "test_vit"),
    "timm efficientnet": partial(of_timm, "test_efficientnet"),
    "module with a softmax": lambda _: module(nets.Small, image_size=16),
    "module of tokens": lambda _: module(nets.Tokens, image_size=16),
    "bert": bert,
}
"""Family to what builds a small member with random values; it may write into the folder it is given."""


def batch_of(backbone: StagedBackbone, size: int = 6, seed: int = 0) -> Any:
    """Inputs that the backbone reads."""
    generator = torch.Generator().manual_seed(seed)
    reads = backbone.preprocessing
    if reads.kind == "image":
        return torch.rand(size, reads.channels, reads.crop, reads.crop, generator=generator)
    words = ["dull", "fine", "good", "film", "and", "long"]
    texts = [" ".join(words[(i + j + seed) % 6] for j in range(1 + (i + seed) % 5)) for i in range(size)]
    return reads.collate([reads.prepare(text) for text in texts])
