import pytest
import torch
from torch import nn
from torch.nn import functional

from tlx.backbones.channels import adapt_first_convolution, adapt_kernel, adapt_preprocessing
from tlx.errors import ConfigError
from tlx.preprocessing.image import ImagePreprocessing

RGB = ImagePreprocessing(16, 20, (0.1, 0.2, 0.6), (0.1, 0.2, 0.3), interpolation="bicubic")


def kernel(*values):
    return torch.tensor(values).view(1, -1, 1, 1)


def network():
    return nn.Sequential(nn.Conv2d(6, 3, 1), nn.Sequential(nn.Conv2d(3, 5, 3, 2, bias=False), nn.ReLU()))


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (1, [7.0]),
        (2, [1.5, 3.0]),
        (3, [1.0, 2.0, 4.0]),
        (4, [0.75, 1.5, 3.0, 0.75]),
        (6, [0.5, 1.0, 2.0, 0.5, 1.0, 2.0]),
    ],
)
def test_kernels_by_hand(channels, expected):
    assert adapt_kernel(kernel(1.0, 2.0, 4.0), channels).flatten().tolist() == expected


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6, 9])
def test_kernels_are_those_of_timm(channels):
    timm = pytest.importorskip("timm")
    ours = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(channels))
    theirs = timm.models.adapt_input_conv(channels, ours)
    assert torch.equal(adapt_kernel(ours, channels), theirs)


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_a_picture_that_repeats_itself_gets_the_answer_it_had(channels):
    weight, picture = torch.randn(4, 3, 3, 3), torch.rand(2, 1, 8, 8)
    before = functional.conv2d(picture.expand(-1, 3, -1, -1), weight)
    after = functional.conv2d(picture.expand(-1, channels, -1, -1), adapt_kernel(weight, channels))
    torch.testing.assert_close(after, before)


def test_the_first_fitting_convolution_changes_in_place_and_nothing_else():
    ours = network()
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    convolution = ours[1][0]
    convolution.weight.requires_grad_(False)
    assert adapt_first_convolution(ours, 2) == "1.0"
    assert ours[1][0] is convolution
    assert (convolution.in_channels, convolution.stride, convolution.bias) == (2, (2, 2), None)
    assert not convolution.weight.requires_grad
    after = ours.state_dict()
    assert {name for name in before if before[name].shape != after[name].shape} == {"1.0.weight"}
    assert torch.equal(after["1.0.weight"], adapt_kernel(before["1.0.weight"], 2))
    assert all(torch.equal(before[name], after[name]) for name in before if name != "1.0.weight")
    assert ours[1](torch.rand(1, 2, 9, 9)).shape == (1, 5, 4, 4)


def test_a_convolution_that_is_named_is_the_one_that_changes():
    ours = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    assert adapt_first_convolution(ours, 2, first="1") == "1"
    assert (ours[0].in_channels, ours[1].in_channels) == (3, 2)
    with pytest.raises(ConfigError, match="no convolution of 3 channels"):
        adapt_first_convolution(ours, 1, first="1")


def test_the_channels_there_are_change_nothing():
    ours = network()
    weight = ours[1][0].weight
    assert adapt_first_convolution(ours, 3) == "1.0"
    assert ours[1][0].weight is weight
    assert adapt_kernel(weight, 3) is weight
    assert adapt_preprocessing(RGB, 3) == RGB


def test_mean_and_deviation_by_hand():
    grey = adapt_preprocessing(RGB, 1)
    assert (grey.channels, grey.interpolation, grey.crop) == (1, "bicubic", 16)
    assert grey.mean == pytest.approx((0.3,))
    assert grey.std == pytest.approx((0.2,))
    five = adapt_preprocessing(RGB, 5)
    assert (five.mean, five.std) == ((0.1, 0.2, 0.6, 0.1, 0.2), (0.1, 0.2, 0.3, 0.1, 0.2))


def test_what_cannot_be_adapted_is_refused():
    with pytest.raises(ConfigError, match=r"no convolution of 3 channels.*Try: channels=null"):
        adapt_first_convolution(nn.Sequential(nn.Linear(3, 2), nn.Conv2d(3, 3, 1, groups=3)), 1)
    for refused in (
        lambda: adapt_kernel(kernel(1.0), 0),
        lambda: adapt_first_convolution(network(), 0),
        lambda: adapt_preprocessing(RGB, 0),
    ):
        with pytest.raises(ConfigError, match="channels=0"):
            refused()
