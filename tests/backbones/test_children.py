import pytest
import torch
from torch import nn

from tests.backbones.nets import Small, Tokens, Wrapped, tower
from tlx.backbones.children import by_children, divided, named_stages, with_buffers, without_lone_norms
from tlx.backbones.dry_run import observe
from tlx.errors import ConfigError


def cut(net, stages=None, side=16):
    order = observe(net, lambda: net(torch.randn(2, 3, side, side))).order
    owners = by_children(net, order) if stages is None else named_stages(net, stages)
    return divided(net, without_lone_norms(net, owners) if stages is None else owners, order)


def test_children_are_stages_in_the_order_of_their_calls_and_a_norm_is_never_alone():
    assert cut(Small()) == {
        "conv1": ["conv1", "bn1"],
        "conv2": ["conv2", "dropout"],
        "fc1": ["fc1"],
        "fc2": ["fc2"],
    }


def test_a_tower_of_blocks_gives_each_block_and_parameters_of_the_root_go_to_the_first_stage():
    assert cut(Tokens()) == {
        "patches": ["start", "patches"],
        "block0": ["blocks.0"],
        "block1": ["blocks.1"],
        "block2": ["blocks.2", "norm"],
        "top": ["head"],
    }


def test_what_wraps_everything_is_looked_into():
    assert list(cut(Wrapped())) == ["conv1", "conv2", "fc1", "fc2"]


def test_several_towers_stay_whole():
    pair = [
        nn.Sequential(*(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()) for _ in range(2))) for _ in range(2)
    ]
    net = nn.Sequential()
    net.add_module("layer1", pair[0])
    net.add_module("layer2", pair[1])
    assert cut(net) == {"layer1": ["layer1"], "layer2": ["layer2"]}


def test_numbered_children_get_names_that_a_key_can_have():
    assert cut(tower()) == {"layer0": ["0", "1", "2"], "layer3": ["3", "4"]}


def test_every_tensor_and_every_leaf_is_in_one_stage():
    for net in (Small(), Tokens(), Wrapped(), tower()):
        stages = cut(net)
        leaves = [name for name, module in net.named_modules() if name and not list(module.children())]
        for name in [*leaves, *dict(net.named_parameters()), *dict(net.named_buffers())]:
            held = [s for s, parts in stages.items() if any(f"{name}.".startswith(f"{p}.") for p in parts)]
            assert len(held) == 1, (name, held)


def test_a_network_that_is_one_layer_is_one_stage():
    assert cut(nn.Sequential(nn.Conv2d(3, 2, 1))) == {"layer0": ["0"]}
    assert by_children(nn.Conv2d(3, 2, 1), {"": 0}) == {"weight": "all", "bias": "all"}


def test_stages_can_be_named_or_listed():
    named = {"low": ["conv1", "bn1"], "middle": "conv2", "top": ["fc1", "fc2"]}
    assert cut(Small(), named) == {
        "low": ["conv1", "bn1"],
        "middle": ["conv2", "dropout"],
        "top": ["fc1", "fc2"],
    }
    listed = ["start", "patches", "blocks.0", "blocks.1", "blocks.2", "norm", "head"]
    assert list(cut(Tokens(), listed)) == ["start", "patches", "block0", "block1", "block2", "norm", "top"]


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ({"a": ["conv1", "bn1"], "b": ["conv3"]}, "no part of the network 'conv3'.* Try: conv1|conv2"),
        ({"a": ["conv1", "bn1", "conv2", "fc1"]}, r"leaves 2 parameters without a stage, first fc2\.weight"),
        (
            {"a": ["conv1", "bn1", "conv2"], "b": ["conv1.weight", "fc1", "fc2"]},
            "'conv1.weight' in 'a' and in 'b'",
        ),
        ({"head": ["conv1"]}, "a word other than head"),
        ({"a b": ["conv1"]}, "a word other than head"),
    ],
)
def test_stages_that_do_not_divide_the_network_are_refused(stages, said):
    with pytest.raises(ConfigError, match=said):
        named_stages(Small(), stages)


def test_norms_join_the_stage_before_them_and_the_first_the_next():
    net = nn.ModuleDict({"a": nn.LayerNorm(2), "b": nn.Linear(2, 2), "c": nn.BatchNorm1d(2)})
    owners = with_buffers(net, {name: name[0] for name, _ in net.named_parameters()})
    assert owners["c.running_mean"] == "c"
    assert set(without_lone_norms(net, owners).values()) == {"b"}
