import pytest
import torch
from torch import nn

from tests.functional.naive import cosines, naive_squares, worst
from tlx.functional.fisher import DiagonalFisher
from tlx.functional.nested import sample_count
from tlx.functional.per_sample.fallback import Fallback, agrees
from tlx.functional.per_sample.squared_gradients import called


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([0.5, 2.0, -1.0]))
        self.layer = nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.layer(x) * self.scale).tanh()


class Branching(Scaled):
    """Goes one way or the other by a sample's values: nothing that torch.func can batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(-x if x.sum().item() > 0 else x)


class Mixing(Scaled):
    """Reads its neighbours in the batch, so that only a sample that is alone has a gradient of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x - x.mean(0, keepdim=True) + x)


class Padded(nn.Module):
    """A table with a row of padding that no kernel can take, for what else is done with it."""

    def __init__(self, use: str, padding: int) -> None:
        super().__init__()
        self.use, self.padding = use, padding
        self.table = nn.Embedding(9, 5, padding_idx=padding, scale_grad_by_freq=use == "scaled by frequency")
        self.head = nn.Linear(5, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        found = self.table(tokens).mean(1)
        if self.use == "twice":
            found = found + self.table(tokens.flip(1)).relu().sum(1)
        elif self.use == "tied":
            found = found @ self.table.weight.T @ self.table.weight
        elif self.use == "twice, by the function":
            again = nn.functional.embedding(tokens, weight=self.table.weight, padding_idx=self.padding)
            found = found + again.relu().sum(1)
        return self.head(found)


class SecondWrong(Fallback):
    """As if torch.func gave the first sample of a batch rightly and no other."""

    def _by_func(self, into, inputs, vectors, rows) -> None:
        def wrong(logits, rows):
            scale = torch.arange(1.0, sample_count(inputs) + 1).to(logits)
            yield from (vector * scale[:, None] for vector in vectors(logits, rows))

        super()._by_func(into, inputs, wrong, rows)


@pytest.mark.parametrize("batch", [4, 7])
@pytest.mark.parametrize("padding", [0, 3, -1])
@pytest.mark.parametrize("use", ["twice", "tied", "scaled by frequency", "twice, by the function"])
def test_the_row_of_padding_has_no_gradient_in_any_sample(use: str, padding: int, batch: int) -> None:
    torch.manual_seed(1)
    module = Padded(use, padding).eval()
    tokens = torch.randint(0, 9, (14, 3))
    tokens[:batch][tokens[:batch] == padding % 9] = 5  # what the first batch shows says nothing of the next
    fisher = DiagonalFisher(module, None, "exact")
    for part in tokens.split(batch):
        fisher.add(part)

    def exact(logits: torch.Tensor, rows: torch.Tensor):
        shares = logits.softmax(1)
        for number in range(4):
            one = torch.eye(4)[number]
            yield (one - shares) * shares[:, number : number + 1].sqrt()

    assert "table.weight" in fisher.without_kernel
    found = {name: sums * len(tokens) for name, sums in fisher.mean().items()}
    assert worst(found, naive_squares(module, tokens, exact)) < 2e-4


def test_every_place_of_a_batch_is_held_against_a_sample_that_is_alone() -> None:
    torch.manual_seed(0)
    module, inputs = Scaled().double(), torch.randn(5, 5).double()
    sums = {name: torch.zeros_like(tensor) for name, tensor in module.named_parameters()}
    SecondWrong(module, called).add(sums, inputs, cosines, torch.arange(5), 100)
    assert worst(sums, naive_squares(module, inputs)) < 1e-12


@pytest.mark.parametrize("at_once", [1, 2, 100])
@pytest.mark.parametrize(("kind", "batched"), [(Scaled, True), (Branching, False), (Mixing, True)])
def test_squares_are_exact_with_torch_func_and_without_it(kind, batched: bool, at_once: int) -> None:
    torch.manual_seed(0)
    module, inputs = kind().double(), torch.randn(5, 5).double()
    sums = {name: torch.zeros_like(tensor) for name, tensor in module.named_parameters()}
    fallback = Fallback(module, called)
    fallback.add(sums, inputs, cosines, torch.arange(5), at_once)
    assert worst(sums, naive_squares(module, inputs)) < 1e-12
    assert fallback._batched is batched


def test_only_the_parameters_that_are_asked_for_are_computed() -> None:
    module = Scaled()
    sums = {"scale": torch.zeros(3)}
    Fallback(module, called).add(sums, torch.randn(2, 5), cosines, torch.arange(2), 2)
    assert sums["scale"].min() > 0


def test_what_the_network_raises_is_raised() -> None:
    module = Scaled()
    sums = {"scale": torch.zeros(3)}
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        Fallback(module, called).add(sums, torch.randn(2, 7), cosines, torch.arange(2), 2)


def test_noise_in_place_of_a_gradient_of_0_agrees_and_a_wrong_square_does_not() -> None:
    single = torch.float32
    assert agrees(torch.tensor([1e-14]), torch.tensor([3e-14]), 1e-10, single)
    assert not agrees(torch.tensor([1e-14]), torch.tensor([3e-14]), 0.0, single)
    assert not agrees(torch.tensor([1.1]), torch.tensor([1.0]), 0.0, single)
    assert agrees(torch.tensor([1.1]), torch.tensor([1.0]), 0.0, torch.bfloat16)
    assert not agrees(torch.tensor([1.00001]), torch.tensor([1.0]), 0.0, torch.float64)
    assert not agrees(torch.tensor([float("nan")]), torch.tensor([1.0]), 0.0, single)
