"""Small networks, each with one way to use its parameters."""

import torch
from torch import nn


class Net(nn.Module):
    """A convolutional network with parts that share nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu_(self.norm(self.conv(x))).flatten(1))


class Tied(nn.Module):
    """The table of tokens is the last layer's weight as well."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.layer = nn.Linear(4, 4)
        self.last = nn.Linear(4, 7, bias=False)
        self.last.weight = self.table.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.last(self.layer(self.table(tokens)).tanh().mean(1))


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(self.layer(x).tanh()).tanh())


class Attending(nn.Module):
    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=batch_first)
        self.head = nn.Linear(8, 3)
        self.batch_first = batch_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x if self.batch_first else x.transpose(0, 1)
        found = self.attention(x, x, x, need_weights=False)[0]
        return self.head(found).tanh().mean(1 if self.batch_first else 0)


class Bare(nn.Module):
    """A parameter of its own, and a weight that is computed from one."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.randn(1, 5))
        self.layer = nn.utils.parametrizations.weight_norm(nn.Linear(5, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x + self.shift).tanh()


class Hidden(nn.Module):
    """The layer is called once, and its weight is used once more where no module shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).tanh() @ self.layer.weight


class SequenceFirst(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 4)
        self.norm = nn.LayerNorm(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.layer(x.transpose(0, 1))).tanh().sum(0)


class Positions(nn.Module):
    """Embeddings of positions are made once, for all samples of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(9, 4), nn.Embedding(6, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = self.places(torch.arange(tokens.shape[1])[None])
        return self.head((self.tokens(tokens) + places).tanh().mean(1))


class Repeated(Positions):
    """Takes for granted that there is one row of positions."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = self.places(torch.arange(tokens.shape[1])[None]).squeeze(0)
        return self.head((self.tokens(tokens) + places[None]).tanh().mean(1))


class Reversed(nn.Module):
    """Turns the batch round for one of its layers: the order of samples does not count in a sum over them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x.flip(0)).tanh().flip(0))
