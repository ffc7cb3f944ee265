import functools

import pytest
import torch
from torch import nn

from tests.backbones.nets import Branched, Broken, Reader, Shuffled, Small, Tokens
from tlx.backbones.dry_run import first_convolution, observe, tensors_of, tried
from tlx.errors import ConfigError


def seen(net, side=16):
    return observe(net, lambda: net(torch.randn(2, 3, side, side)))


def test_modules_are_in_the_order_they_are_called_not_in_that_of_registration():
    order = seen(Tokens(depth=2)).order
    called = sorted(order, key=order.__getitem__)
    layers = [name for name in called if "." not in name and name]
    assert layers == ["patches", "norm", "head"]
    assert [name for name in called if name.count(".") == 1] == ["blocks.0", "blocks.1"]
    assert "blocks" not in order  # a ModuleList itself is never called


def test_the_last_linear_layer_ends_a_network_also_behind_a_softmax():
    found = seen(net := Small())
    assert found.last_linear(net) == "fc2"
    assert found.ends_with("fc2")
    assert not found.ends_with("fc1")
    found = seen(net := Tokens())
    assert (found.last_linear(net), found.ends_with("head")) == ("head", True)
    assert seen(net := nn.Sequential(nn.Flatten(), nn.Linear(768, 4), nn.Tanh())).last_linear(net) == "1"
    assert not seen(net).ends_with("1")


def test_layers_that_come_only_after_another_are_found():
    assert seen(net := Branched()).after(net, "main") == ["side"]
    assert seen(net).after(net, "side") == []
    assert seen(net := Small()).after(net, "conv2") == ["fc1", "fc2"]


def test_nothing_is_left_behind():
    net = Small().train()
    net.dropout.eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    observe(net, lambda: net(torch.ones(2, 3, 16, 16)) + torch.rand(1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert net.training and not net.dropout.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_tensors_are_found_in_what_networks_return():
    class Output:
        def __init__(self):
            self.logits, self.note = torch.ones(1), "text"

    nested = {"a": [torch.zeros(1), (Output(),)], "b": None}
    assert [float(tensor) for tensor in tensors_of(nested)] == [0.0, 1.0]


def first(net, side=16):
    return first_convolution(net, lambda channels: net(torch.randn(2, channels, side, side)))


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (Small(), ("conv1", 3)),
        (Shuffled(), ("body.a", 3)),
        (Shuffled(channels=2), ("body.a", 2)),
        (nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3)), ("1", 1)),
        (nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, 2, 3)), ("1", 1)),
        (nn.Sequential(nn.Flatten(), nn.Linear(768, 2)), (None, 3)),
    ],
)
def test_the_convolution_that_reads_the_picture_is_the_first_that_is_called(net, expected):
    assert first(net) == expected
    assert not any(module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize(
    ("net", "said"),
    [
        (Broken(), r"Broken cannot be run.*KeyError: 'boom' \(nets\.py:\d+\)\. Try: TLX_DEBUG=1"),
        (Small(), r"Small cannot be run.*\(nets\.py:\d+\)\. Try: model\.image_size and model\.channels"),
        (Reader(), r"Reader cannot be run.*\. Try: .*model\.tokenizer=FOLDER"),
    ],
)
def test_a_fault_of_the_network_is_shown_with_its_line_and_a_shape_with_the_keys_for_it(net, said):
    with pytest.raises(ConfigError, match=said):
        tried(net, functools.partial(net, torch.randn(2, 3, 20, 20)))
