import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.functional.naive import Pooled, compared
from tlx.functional.per_sample import kernels

DTYPES = [(torch.float64, 1e-10), (torch.float32, 2e-4)]
LAYERS = {
    "linear": (lambda: nn.Linear(5, 3), (4, 5), True),
    "linear without a bias": (lambda: nn.Linear(5, 3, bias=False), (4, 5), True),
    "linear on a sequence": (lambda: nn.Linear(5, 3), (4, 7, 5), True),
    "linear on a grid": (lambda: nn.Linear(5, 3), (4, 2, 3, 5), True),
    "conv of a few channels": (lambda: nn.Conv2d(3, 4, 3, padding=1), (4, 3, 6, 6), False),
    "conv of a large map": (lambda: nn.Conv2d(8, 4, 3, padding=1), (4, 8, 16, 17), False),
    "conv of a large map with a stride": (lambda: nn.Conv2d(8, 4, 3, 2, 1), (4, 8, 34, 33), False),
    "conv of a large map in groups": (lambda: nn.Conv2d(16, 6, 3, groups=2), (4, 16, 18, 18), False),
    "depthwise conv": (lambda: nn.Conv2d(6, 12, 3, padding=1, groups=6), (4, 6, 5, 5), False),
    "conv of 1 x 1": (lambda: nn.Conv2d(6, 4, 1), (4, 6, 5, 5), False),
    "conv over one axis": (lambda: nn.Conv1d(3, 4, 5, stride=2, padding=2), (4, 3, 11), False),
    "conv over three axes": (lambda: nn.Conv3d(2, 3, 2, padding=1), (4, 2, 4, 5, 3), False),
    "batch norm": (lambda: nn.BatchNorm2d(3), (4, 3, 5, 5), False),
    "batch norm of features": (lambda: nn.BatchNorm1d(3), (4, 3), False),
    "layer norm": (lambda: nn.LayerNorm(5), (4, 7, 5), True),
    "layer norm of features": (lambda: nn.LayerNorm(5), (4, 5), True),
    "layer norm over two axes": (lambda: nn.LayerNorm((3, 5)), (4, 2, 3, 5), True),
    "RMS norm": (lambda: nn.RMSNorm(5), (4, 7, 5), True),
    "group norm": (lambda: nn.GroupNorm(2, 4), (4, 4, 5, 5), False),
    "group norm of features": (lambda: nn.GroupNorm(2, 4), (4, 4), False),
}


def filled(layer: nn.Module, seed: int = 0) -> nn.Module:
    """Values that tell apart what a norm's 0 and 1 would not."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in [*layer.parameters(), *layer.buffers()]:
        if tensor.is_floating_point():
            tensor.data = torch.rand(tensor.shape, generator=generator) + 0.2
    return layer


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("name", LAYERS)
def test_squares_are_those_of_one_sample_after_the_other(name: str, dtype, tolerance: float) -> None:
    make, shape, channels_last = LAYERS[name]
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    error, without_kernel = compared(Pooled(filled(make()), channels_last).to(dtype), inputs)
    assert error < tolerance and not without_kernel


@pytest.mark.parametrize("max_bytes", [1, 4000, 2**30])
@pytest.mark.parametrize("name", ["linear on a sequence", "conv of a few channels", "conv of a large map"])
def test_little_memory_changes_nothing(name: str, max_bytes: int) -> None:
    make, shape, channels_last = LAYERS[name]
    error, _ = compared(
        Pooled(filled(make()), channels_last).double(), torch.randn(shape).double(), max_bytes
    )
    assert error < 1e-10


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_convolutions_of_any_settings(data: st.DataObject) -> None:
    """The seven settings, at sizes down to the smallest that a kernel fits; by each of the three ways."""
    draw, axes = data.draw, data.draw(st.integers(1, 2))
    groups = draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 4)) for _ in range(axes)]
    stride = [draw(st.integers(1, 3)) for _ in range(axes)]
    dilation = [draw(st.integers(1, 3)) for _ in range(axes)]
    padding = draw(
        st.sampled_from(["same", "valid"]) | st.lists(st.integers(0, 2), min_size=axes, max_size=axes)
    )
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    size = [draw(st.integers((k - 1) * d + 1, 14)) for k, d in zip(kernel, dilation, strict=True)]
    reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    assume(padding != "same" or set(stride) == {1})
    assume(
        isinstance(padding, str) or all(p <= r for p, r in zip(padding, reach, strict=True))
    )  # else all is 0
    pads = reach if padding == "same" else padding
    assume(mode == "zeros" or padding == "valid" or all(2 * p < s for p, s in zip(pads, size, strict=True)))
    layer = (nn.Conv1d if axes == 1 else nn.Conv2d)(
        groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3)), tuple(kernel), tuple(stride),
        padding if isinstance(padding, str) else tuple(padding), tuple(dilation), groups,
        draw(st.booleans()), mode,
    )  # fmt: skip
    inputs = torch.randn(3, layer.in_channels, *size, generator=torch.Generator().manual_seed(0)).double()
    usual = (kernels.THIN, kernels.LARGE, kernels.HEAVY)
    together, one_by_one = (0, 0, 0), (99, 0, 0)
    set_to = draw(st.sampled_from([usual, together, one_by_one]))
    try:
        kernels.THIN, kernels.LARGE, kernels.HEAVY = set_to
        error, without_kernel = compared(Pooled(filled(layer)).double(), inputs, 2000)
    finally:
        kernels.THIN, kernels.LARGE, kernels.HEAVY = usual
    assert error < 1e-10 and not without_kernel


@pytest.mark.parametrize(
    ("layer", "size", "at_once"),
    [
        (nn.Conv2d(3, 64, 7, 2, 3), 224, [1] * 6),  # the first of a ResNet: few channels become many
        (nn.Conv2d(3, 16, 3, 1, 1), 32, None),  # the same, so small that calls would cost more
        (nn.Conv2d(16, 16, 3, 1, 1), 32, [6]),
        (nn.Conv2d(64, 64, 3, 1, 1), 7, None),  # a small map
        (nn.Conv2d(64, 16, 1), 32, None),  # a product of matrices in itself
        (nn.Conv2d(32, 32, 3, 1, 1, groups=32), 7, [6]),  # depthwise
        (nn.Conv2d(32, 32, 3, 1, 1, groups=8), 32, None),  # grouped, with few channels each
    ],
)
def test_convolutions_go_the_faster_way(layer, size, at_once, monkeypatch) -> None:
    """Which way a layer goes was measured; both ways give the same sums."""
    taken, by_groups = [], kernels._by_groups
    monkeypatch.setattr(kernels, "_by_groups", lambda *of: (taken.append(len(of[0])), by_groups(*of))[1])
    draws = torch.Generator().manual_seed(0)
    inputs = torch.randn(6, layer.in_channels, size, size, generator=draws)
    gradients = torch.randn(layer(inputs).shape, generator=draws)
    how = kernels.Convolution(layer.stride, ((layer.padding[0],) * 2,) * 2, layer.dilation, layer.groups)
    sums = {"weight": torch.zeros(layer.weight.shape)}
    kernels.add_conv(sums, inputs, gradients, how, 10**9)
    assert taken == (at_once or [])


@pytest.mark.parametrize("padding", [None, 0, -1])
def test_embeddings_add_what_a_sample_reads_twice_before_they_square(padding) -> None:
    torch.manual_seed(0)
    layer = nn.Embedding(9, 4, padding_idx=padding)
    tokens = torch.tensor([[1, 1, 0, 8], [2, 1, 2, 2], [0, 0, 0, 3]])
    error, without_kernel = compared(Pooled(layer, channels_last=True).double(), tokens)
    assert error < 1e-10 and not without_kernel


@pytest.mark.parametrize("settings", [{"max_norm": 0.5}, {"scale_grad_by_freq": True}])
def test_embeddings_of_other_gradients_have_no_kernel_and_are_right(settings) -> None:
    torch.manual_seed(0)
    layer = nn.Embedding(9, 4, **settings)
    error, without_kernel = compared(
        Pooled(layer, channels_last=True).double(), torch.tensor([[1, 1], [2, 1]])
    )
    assert error < 1e-10 and without_kernel == {"layer.weight"}


def test_a_batch_norm_far_from_0_is_exact_in_single_precision() -> None:
    """A mean of 1000 deviations: sums of products before the mean is taken off would lose 6 digits."""
    layer = nn.BatchNorm2d(2)
    layer.running_mean += 1000
    inputs = 1000 + torch.randn(4, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    assert compared(Pooled(layer), inputs)[0] < 2e-4
