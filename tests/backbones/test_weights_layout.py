import argparse
import functools

import numpy as np
import pytest
import torch
from torch import nn

from tests.backbones.nets import Small
from tlx.backbones.weights_file import read_tensors
from tlx.backbones.weights_layout import aligned, fill_what_fits, unwrapped
from tlx.errors import CheckpointError

OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(1000)}}, "param_groups": [{"lr": 0.1}]}
STATE = {"conv.weight": torch.ones(2), "conv.bias": torch.zeros(2)}


def prefixed(prefix, state=STATE):
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "optimizer": OPTIMIZER, "epoch": 3},
        {"model": {"state_dict": STATE}, "epoch": 3},
        {"model_state_dict": STATE, "optimizer_state_dict": OPTIMIZER},
        {"net": prefixed("module."), "acc": 93.1},
        {"my_network": STATE, "momentum_buffer": {"a": torch.zeros(1000)}, "optim": OPTIMIZER},
        {"ema": {name: -tensor for name, tensor in STATE.items()}, "model": STATE},
        prefixed("_orig_mod."),
        prefixed("module._orig_mod."),
        {**prefixed("module."), "n_averaged": torch.tensor(7)},
    ],
)
def test_a_state_dict_is_found_wherever_a_script_put_it(content):
    found = unwrapped(content)
    assert list(found) == list(STATE)
    assert torch.equal(found["conv.weight"], torch.ones(2))


@pytest.mark.parametrize(
    "content",
    [{}, [], None, {"epoch": 3}, {"optimizer": OPTIMIZER}, {"a": {"b": {"c": {"d": {"e": STATE}}}}}],
)
def test_what_holds_no_weights_holds_none(content):
    assert unwrapped(content) is None


def test_arguments_and_numbers_that_scripts_save_along_do_not_stop_the_reading(tmp_path):
    more = {"args": argparse.Namespace(lr=0.1, name="x"), "best": np.float64(0.9), "epoch": np.int64(3)}
    torch.save({"state_dict": STATE, **more}, tmp_path / "w.pth")
    assert list(read_tensors(tmp_path / "w.pth")) == list(STATE)


OWN = {"conv.weight": torch.zeros(2), "conv.bias": torch.zeros(2), "fc.weight": torch.zeros(3)}


@pytest.mark.parametrize("prefix", ["", "model.", "backbone.", "net.", "module.encoder_q.", "a.b.c."])
def test_a_prefix_of_the_file_is_taken_off(prefix):
    found = aligned({**prefixed(prefix), "criterion.weight": torch.zeros(9)}, OWN).tensors
    assert set(found) == {"conv.weight", "conv.bias", "criterion.weight"}


def test_a_prefix_that_the_file_lacks_is_added_and_another_is_exchanged():
    wrapped = prefixed("backbone.", OWN)
    assert set(aligned(STATE, wrapped).tensors) == {"backbone.conv.weight", "backbone.conv.bias"}
    assert set(aligned(prefixed("model."), wrapped).tensors) == {"backbone.conv.weight", "backbone.conv.bias"}


def test_the_prefix_is_that_of_the_most_values_of_the_right_shape():
    file = {"a.conv.weight": torch.zeros(2), "b.conv.weight": torch.zeros(2), "b.conv.bias": torch.zeros(2)}
    assert set(aligned(file, OWN).tensors) == {"a.conv.weight", "conv.weight", "conv.bias"}
    assert set(aligned({"x.weight": torch.zeros(4)}, OWN).tensors) == {"x.weight"}


@pytest.mark.parametrize(
    ("prefix", "own", "said", "known"),
    [
        ("", OWN, "", True),
        ("model.", OWN, "names without 'model.'", True),
        ("net.backbone.", OWN, "names without 'net.backbone.'", True),
        ("zzz.", OWN, "names without 'zzz.'", False),
        ("", prefixed("body.", OWN), "names behind 'body.'", False),
        ("zzzbody.", prefixed("body.", OWN), "names behind 'body.' instead of 'zzzbody.'", False),
    ],
)
def test_what_was_done_to_the_names_is_said_and_whether_it_is_a_usual_wrapper(prefix, own, said, known):
    found = aligned(prefixed(prefix), own)
    assert (found.said, found.usual) == (said, known)


def test_of_two_sets_of_weights_the_one_taken_and_the_other_are_named(caplog):
    assert torch.equal(
        unwrapped({"model": STATE, "mean": {"rgb": torch.zeros(3)}})["conv.weight"], torch.ones(2)
    )
    assert caplog.text == ""
    both = {"ema": {name: -tensor for name, tensor in STATE.items()}, "model": prefixed("module.")}
    unwrapped(both, "w.pth")
    assert "w.pth holds weights under 'model', which are taken, and under 'ema'" in caplog.text
    assert "torch.save(torch.load(FILE)['ema'], NEW)" in caplog.text


@pytest.fixture
def fill(tmp_path):
    return functools.partial(fill_what_fits, path=tmp_path / "w.pth")


def test_what_fits_is_taken_and_the_rest_named(fill):
    torch.manual_seed(1)
    net, source = Small(), Small().state_dict()
    before = net.conv1.weight.detach().clone()
    del source["conv1.weight"]
    source["fc2.weight"] = torch.zeros(9, 12)
    source["extra.weight"] = torch.zeros(1)
    found = fill(net, source)
    assert (found.missing, found.unexpected) == (("conv1.weight",), ("extra.weight",))
    assert found.shapes == ("fc2.weight (9, 12) for (5, 12)",)
    assert str(found) == "1 tensor missing, 1 tensor of another shape, 1 tensor not used"
    assert "1 missing (conv1.weight); 1 of another shape (fc2.weight (9, 12) for (5, 12))" in found.named()
    assert torch.equal(net.conv1.weight, before)
    assert torch.equal(net.fc1.weight, source["fc1.weight"])
    total = sum(tensor.numel() for tensor in net.state_dict().values())
    assert found.share == 1 - (4 * 3 * 9 + 5 * 12) / total


def test_a_file_that_holds_less_than_half_is_refused_and_fills_nothing(fill):
    net = Small()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    source = {name: torch.full_like(t, 7) for name, t in net.state_dict().items() if name.startswith("conv")}
    with pytest.raises(
        CheckpointError, match=r"does not fit: it fills 1\d% of the network's values.*8 missing"
    ):
        fill(net, source)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_a_file_that_lacks_one_large_tensor_of_many_is_taken(fill):
    net, source = Small(), Small().state_dict()
    del source["fc1.weight"]
    found = fill(net, source)
    assert found.share < 0.5
    assert found.missing == ("fc1.weight",)
    assert torch.equal(net.conv1.weight, source["conv1.weight"])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite_are_refused_by_name(fill, value):
    source = Small().state_dict()
    source["conv2.weight"] = source["conv2.weight"].clone()
    source["conv2.weight"][0, 0, 0, 0] = value
    with pytest.raises(CheckpointError, match=r"not finite: conv2\.weight.*another FILE"):
        fill(Small(), source)


def test_a_mask_of_minus_infinity_is_no_fault(fill):
    class Masked(nn.Linear):
        def __init__(self):
            super().__init__(2, 2)
            self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))

    assert str(fill(Masked(), Masked().state_dict())) == ""


def test_strict_refuses_the_last_tensor(fill):
    source = Small().state_dict()
    assert str(fill(Small(), source, strict=True)) == ""
    source["more"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r"1 not used \(more\).*strict=false"):
        fill(Small(), source, strict=True)


def test_the_first_kernel_is_adapted_to_the_networks_channels(fill):
    grey, colour = nn.Conv2d(1, 4, 3), nn.Conv2d(3, 4, 3)
    net = nn.Sequential(grey)
    found = fill(net, {f"0.{name}": tensor for name, tensor in colour.state_dict().items()}, first="0")
    assert (found.adapted, str(found)) == ("0", "")
    torch.testing.assert_close(grey.weight, colour.weight.sum(1, keepdim=True))
