"""Networks as people write them: none of them was made with tlx in mind."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "Branched",
    "Broken",
    "Dated",
    "Reader",
    "Shuffled",
    "Small",
    "Tokens",
    "Wrapped",
    "tail",
    "tower",
]


class Small(nn.Module):
    """Two convolutions and two linear layers, a log-softmax at the end."""

    def __init__(self, width: int = 4, classes: int = 5, side: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(2 * width * ((side - 4) // 2) ** 2, 12)
        self.fc2 = nn.Linear(12, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        x = self.dropout(F.max_pool2d(x, 2)).flatten(1)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.gelu(self.mix(self.norm(x)))


class Tokens(nn.Module):
    """A tower of blocks over patches; the head is made first and called last, the output a dict."""

    def __init__(self, depth: int = 3, width: int = 8) -> None:
        super().__init__()
        self.head = nn.Linear(width, 7)
        self.start = nn.Parameter(torch.randn(1, 1, width))
        self.blocks = nn.ModuleList([Block(width) for _ in range(depth)])
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.start.expand(len(x), -1, -1), x], 1)
        for block in self.blocks:
            x = block(x)
        return {"logits": self.head(self.norm(x)[:, 0]), "tokens": x}


class Wrapped(nn.Module):
    """Everything lies in one child, as in a LightningModule."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Small()

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Branched(nn.Module):
    """Two heads; the second is called after the first."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.main = nn.Linear(6, 3)
        self.side = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(x)
        return self.main(x), self.side(x)


class Reader(nn.Module):
    """Token numbers and their mask, under names of its own."""

    def __init__(self, words: int = 20, width: int = 6) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.layer = nn.Linear(width, width)
        self.out = nn.Linear(width, 3)

    def forward(self, numbers: Tensor, mask: Tensor) -> Tensor:
        x = self.layer(self.embedding(numbers)).tanh()
        share = mask.unsqueeze(-1).to(x.dtype)
        return self.out((x * share).sum(1) / share.sum(1))


class Dated(Small):
    """Brings its own weights, as a class does that downloads them."""

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        if pretrained:
            for number, parameter in enumerate(self.parameters()):
                nn.init.normal_(parameter, generator=torch.Generator().manual_seed(number))


def tower(width: int = 4, channels: int = 3) -> nn.Module:
    """A function that gives a Sequential without a head: its output is a map."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.MaxPool2d(2),
    )


def tail(width: int = 4) -> nn.Module:
    """A linear layer that something follows."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, width), nn.Tanh()
    )


class Shuffled(nn.Module):
    """Convolutions in a dict, registered in another order than they are called in."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.body = nn.ModuleDict(
            {"c": nn.Conv2d(6, 3, 3), "a": nn.Conv2d(channels, 5, 3), "b": nn.Conv2d(5, 6, 3)}
        )
        self.fc = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        for name in "abc":
            x = F.relu(self.body[name](x))
        return self.fc(x.mean((2, 3)))


class Broken(nn.Module):
    """A forward with a fault of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("boom")
