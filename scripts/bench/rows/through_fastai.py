"""fastai's vision_learner: its own two-layer head, Adam, and Resize(224), which crops at a random place.

python -m scripts.bench.rows.through_fastai material=DIR phases=head:5 out=FILE
"""

import sys
from pathlib import Path
from typing import Any

import torch
from fastai.vision.all import (
    ImageDataLoaders,
    Learner,
    Normalize,
    Resize,
    imagenet_stats,
    params,
    vision_learner,
)
from torch import nn
from torchvision.models import resnet18

from scripts.bench.rows.clock import Clock, words
from scripts.bench.rows.photos import BATCH, phases

DEFAULTS = {"material": "", "phases": "head:5", "train_bn": "true", "bar": "true", "out": ""}
CHILDREN = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")


def groups(model: Any) -> list[list[nn.Parameter]]:
    """Up to layer2, layer3, layer4, head: what is thawed one after the other."""
    body = model[0]
    return [params(body[:6]), params(body[6]), params(body[7]), params(model[1])]


def learner(material: str, train_bn: bool, stagewise: bool) -> Learner:
    """The learner with the common random weights in its body."""
    data = ImageDataLoaders.from_folder(
        Path(material) / "photos",
        train="train",
        valid="val",
        bs=BATCH,
        item_tfms=Resize(224),
        batch_tfms=Normalize.from_stats(*imagenet_stats),
        num_workers=0,
    )
    more: dict[str, Any] = {"splitter": groups} if stagewise else {}
    made = vision_learner(data, resnet18, pretrained=False, train_bn=train_bn, **more)
    tensors = torch.load(Path(material) / "resnet18.pth", weights_only=True)
    split = {key: key.partition(".") for key in tensors if not key.startswith("fc.")}
    made.model[0].load_state_dict(
        {f"{CHILDREN.index(child)}.{rest}": tensors[key] for key, (child, _, rest) in split.items()}
    )
    return made


def main(argv: list[str]) -> None:
    """Train and report."""
    given = words(argv, DEFAULTS)
    plan, clock, losses = phases(given["phases"]), Clock(), list[float]()
    learn = learner(given["material"], given["train_bn"] == "true", len(plan) > 1)

    def train() -> None:
        for thawed, (_, epochs) in enumerate(plan, start=1):
            learn.freeze_to(-thawed)
            clock.start()
            learn.fit(epochs)
            clock.stop()
            losses.extend(float(values[0]) for values in learn.recorder.values)

    if given["bar"] == "true":
        train()
    else:
        with learn.no_bar():
            train()
    clock.report(given["out"], losses, ("torch", "torchvision", "fastai"))


if __name__ == "__main__":
    main(sys.argv[1:])
