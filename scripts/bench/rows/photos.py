"""What every row starts from: the same photos, the same network, and where it matters the same order."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms

__all__ = ["BATCH", "STAGES", "Photos", "loaders", "network", "phases", "start"]

BATCH = 32
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Photos(Dataset[tuple[Tensor, int]]):
    """Photos as torchvision's weights want them: shorter side 256, the centre of 224, normalised.

    Args:
        folder: Where the names begin.
        names: Of the files.
        labels: One for each.
    """

    def __init__(self, folder: Path, names: Sequence[str], labels: Sequence[int]) -> None:
        self.folder, self.names, self.labels = folder, names, labels
        self.transform: Callable[[Image.Image], Tensor] = transforms.Compose(
            [
                transforms.Resize(256),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self.folder / self.names[index]) as picture:
            return self.transform(picture.convert("RGB")), self.labels[index]


def start(material: str) -> dict[str, Any]:
    """The values that `scripts.bench.material` wrote: tensors, names, labels and orders."""
    found: dict[str, Any] = torch.load(Path(material) / "start.pt", weights_only=True)
    return found


def network(material: str, found: dict[str, Any]) -> Any:
    """ResNet-18 with the common random weights and the common new head."""
    net = models.resnet18(weights=None)
    net.load_state_dict(torch.load(Path(material) / "resnet18.pth", weights_only=True))
    net.fc = nn.Linear(512, found["classes"])
    net.fc.load_state_dict(found["head"])
    return net


def loaders(
    material: str, found: dict[str, Any], *, shuffled: bool
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Training and validation photos in batches, read in the process itself.

    Args:
        material: The folder.
        found: From `start`.
        shuffled: Whether training photos come in an order of the loader's own.
    """
    folder = Path(material) / "photos"
    train = Photos(folder, found["train"]["names"], found["train"]["labels"])
    val = Photos(folder, found["val"]["names"], found["val"]["labels"])
    return DataLoader(train, BATCH, shuffle=shuffled), DataLoader(val, BATCH)


def phases(text: str) -> list[tuple[str, int]]:
    """What joins the training, and for how many epochs it then goes on.

    >>> phases("head:5,layer4:2")
    [('head', 5), ('layer4', 2)]
    """
    pairs = (part.split(":") for part in text.split(","))
    return [(name, int(epochs)) for name, epochs in pairs]
