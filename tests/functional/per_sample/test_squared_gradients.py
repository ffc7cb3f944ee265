import contextlib

import pytest
import torch
from torch import nn

from tests.functional.naive import compared, cosines, naive_squares, worst
from tests.functional.networks import (
    Attending,
    Bare,
    Hidden,
    Net,
    Positions,
    Repeated,
    Reversed,
    SequenceFirst,
    Tied,
    Twice,
)
from tlx.errors import ConfigError
from tlx.functional.per_sample.squared_gradients import SquaredGradients


def pixels(count: int = 6) -> torch.Tensor:
    return torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(count)).double()


def tokens(count: int = 6) -> torch.Tensor:
    return torch.randint(7, (count, 5), generator=torch.Generator().manual_seed(count))


def features(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()


ATTENTION = {f"attention.{name}" for name, _ in nn.MultiheadAttention(8, 2).named_parameters()}
NORMED = {f"layer.parametrizations.weight.original{number}" for number in (0, 1)}


@pytest.mark.parametrize(
    ("make", "inputs", "without_kernel"),
    [
        (Net, pixels(), set()),
        (Tied, tokens(), {"table.weight"}),
        (Twice, features(6, 5), {"layer.weight", "layer.bias"}),
        (Attending, features(6, 4, 8), ATTENTION),
        (lambda: Attending(False), features(6, 4, 8), ATTENTION),
        (Bare, features(6, 5), {"shift"} | NORMED),
        (Hidden, features(6, 4), {"layer.weight"}),
        (SequenceFirst, features(6, 3, 5), set()),
        (SequenceFirst, features(3, 3, 5), set()),
        (SequenceFirst, features(6, 2, 5), {"layer.weight", "layer.bias", "norm.weight", "norm.bias"}),
        (Positions, tokens(), set()),
        (Repeated, tokens(), {"places.weight"}),
        (Reversed, features(6, 5), set()),
    ],
)
def test_a_parameter_has_a_kernel_or_goes_the_slow_way_and_is_never_wrong(
    make, inputs, without_kernel
) -> None:
    torch.manual_seed(0)
    error, slow = compared(make().double(), inputs)
    assert error < 1e-10
    assert slow == without_kernel


def test_a_network_that_mixes_its_samples_gets_the_gradients_of_samples_that_are_alone() -> None:
    class Mixing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x).tanh() + self.layer(x).mean(0, keepdim=True)

    error, slow = compared(Mixing().double(), features(6, 5))
    assert error < 1e-10 and slow == {"layer.weight", "layer.bias"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_sums_are_at_least_single_precision(dtype) -> None:
    module = Net().to(dtype).eval()
    squares = SquaredGradients(module)
    squares.add(pixels().to(dtype), cosines)
    assert {sums.dtype for sums in squares.sums.values()} == {
        max(dtype, torch.float32, key=lambda d: d.itemsize)
    }


@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_any_batches_and_any_memory_give_the_same(size: int) -> None:
    torch.manual_seed(0)
    module, inputs = Net().double().eval(), pixels()
    exact = naive_squares(module, inputs)
    for max_bytes in (1, 20_000, 2**30):
        squares = SquaredGradients(module, max_bytes=max_bytes)
        starts = range(0, 6, size)
        for start in starts:
            squares.add(
                inputs[start : start + size], lambda logits, rows, start=start: cosines(logits, rows + start)
            )
        assert worst(squares.sums, exact) < 1e-10
        assert not squares.without_kernel


def test_as_many_samples_go_together_as_the_memory_holds() -> None:
    """A sample holds what its layers took in: 16 pixels and 2 maps of 64, in doubles 1152 bytes."""
    sizes = []

    def forward(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return module(x)

    for count in (4, 40):
        squares = SquaredGradients(Net().double().eval(), forward=forward, max_bytes=24_000)
        squares.add(pixels(count), cosines)
        alone, pair, *chunks = sizes
        assert (alone, pair, sum(chunks)) == (1, 2, count)
        assert chunks == ([4] if count == 4 else [10] * 4)
        sizes.clear()


def test_a_first_batch_without_gradients_does_not_decide() -> None:
    """All units of the layer are off for a first batch of zeros."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)).double().eval()
    nn.init.constant_(module[0].bias, -0.1)
    inputs = torch.cat([torch.zeros(2, 5).double(), features(4, 5)])
    squares = SquaredGradients(module)
    for part in (inputs[:2], inputs[2:4], inputs[4:]):
        squares.without_kernel.clear()
        squares.add(part, lambda logits, rows: iter([torch.ones_like(logits)]))
    exact = naive_squares(module, inputs, lambda logits, rows: iter([torch.ones_like(logits)]))
    assert worst(squares.sums, exact) < 1e-10 and not squares.without_kernel


def test_gradients_far_smaller_than_others_have_kernels_too() -> None:
    """ConvNeXt begins with blocks scaled by a millionth."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 4, bias=False), nn.Linear(4, 3)).double()
    module[2].weight.data *= 1e-8
    error, slow = compared(module, features(6, 5))
    assert error < 1e-9 and not slow


def test_a_bias_that_a_softmax_cancels_does_not_go_the_slow_way_for_its_rounding() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head((self.query(x) @ self.key(x).mT).softmax(2) @ x).mean(1)

    torch.manual_seed(0)
    error, slow = compared(Attention(), features(6, 4, 8).float())
    assert error < 2e-4 and not slow


def test_a_network_that_uses_other_layers_for_a_batch_goes_the_slow_way() -> None:
    class Changing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.many = nn.Linear(5, 3), nn.Linear(5, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.one(x) if len(x) == 1 else self.many(x)

    error, slow = compared(Changing().double(), features(6, 5))
    assert error < 1e-10 and slow == {"one.weight", "one.bias", "many.weight", "many.bias"}


def test_frozen_parameters_do_not_count_unless_they_are_named() -> None:
    module = Net().double().eval()
    module.conv.requires_grad_(False)
    trained = SquaredGradients(module)
    assert trained.sums.keys() == {"norm.weight", "norm.bias", "head.weight", "head.bias"}
    named = SquaredGradients(module, ["conv.weight"])
    named.add(pixels(), cosines)
    trained.add(pixels(), cosines)
    module.requires_grad_()
    exact = naive_squares(module, pixels())
    assert worst(named.sums | trained.sums, {n: t for n, t in exact.items() if n != "conv.bias"}) < 1e-10


def test_named_inputs_and_another_forward_are_taken() -> None:
    class Answer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Tied()

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": self.net(ids * mask)}

    inputs = {"ids": tokens(), "mask": torch.ones(6, 5, dtype=torch.int64)}
    error, _ = compared(Answer().double(), inputs, forward=lambda module, x: module(**x)["logits"])
    assert error < 1e-10


@pytest.mark.parametrize("surrounding", [torch.no_grad, torch.inference_mode])
def test_it_runs_where_gradients_are_off(surrounding) -> None:
    module = Net().double().eval()
    squares = SquaredGradients(module)
    with surrounding():
        squares.add(pixels() + 0, cosines)
    assert worst(squares.sums, naive_squares(module, pixels())) < 1e-10


def state(module: nn.Module) -> tuple:
    hooks = [
        len(found)
        for part in module.modules()
        for found in (
            part._forward_hooks,
            part._forward_pre_hooks,
            part._backward_hooks,
            part._backward_pre_hooks,
        )
    ]
    tensors = [(t.requires_grad, t.grad, t._backward_hooks, t._version) for t in module.parameters()]
    return hooks, tensors, [part.training for part in module.modules()], torch.is_grad_enabled()


@pytest.mark.parametrize(
    "raises", ["nowhere", "in the vectors", "in the network", "in the fallback", "at once"]
)
def test_the_network_is_left_as_it_was(raises: str) -> None:
    module = Twice().double().eval()
    module.head.weight.requires_grad_(False)
    module.head.bias.grad = torch.ones(3).double()
    squares = SquaredGradients(module, ["head.weight", "layer.weight"])
    before = state(module)
    calls = 0

    def vectors(logits: torch.Tensor, rows: torch.Tensor):
        nonlocal calls
        calls += 1
        if (raises, calls) in {("in the vectors", 1), ("in the fallback", 2)}:
            raise KeyError(raises)
        return cosines(logits, rows)

    inputs = features(6, 5)
    if raises == "in the network":
        inputs = inputs[:, :4]
    if raises == "at once":
        module.forward = lambda x: torch.zeros(())
    with contextlib.suppress(Exception) if raises == "nowhere" else pytest.raises(Exception) as caught:  # noqa: PT011 - which one is held below
        squares.add(inputs, vectors)
    assert state(module) == before
    assert raises == "nowhere" or caught.type in (KeyError, RuntimeError, ConfigError)


def test_a_layer_in_training_mode_is_refused_by_name() -> None:
    module = Net()
    module.eval().norm.train()
    with pytest.raises(ConfigError, match="norm: BatchNorm2d is in training mode"):
        SquaredGradients(module).add(pixels().float(), cosines)


def test_a_norm_without_running_statistics_is_refused_even_in_eval_mode() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 4), nn.BatchNorm2d(2, track_running_stats=False), nn.Flatten())
    with pytest.raises(ConfigError, match="1: BatchNorm2d normalises by its batch"):
        SquaredGradients(module.eval()).add(pixels().float(), cosines)


@pytest.mark.parametrize(
    ("change", "match"),
    [({"names": ["conv.wieght"]}, "conv.weight"), ({"max_bytes": 0}, "max_bytes=0")],
)
def test_arguments_out_of_range_are_refused(change, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        SquaredGradients(Net(), **change)


def test_outputs_that_have_no_row_for_each_sample_are_refused() -> None:
    with pytest.raises(ConfigError, match="a row for each sample"):
        SquaredGradients(nn.Conv2d(1, 2, 3).eval()).add(pixels().float(), lambda logits, rows: iter([logits]))
