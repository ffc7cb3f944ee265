import functools
import hashlib
import logging
import os

import pytest
import torch
from torch import nn

from tests.backbones import nets
from tests.backbones.families import bert
from tlx.backbones.channels import adapt_kernel
from tlx.backbones.module import module
from tlx.checkpoint.bundle import load_bundle, write_bundle
from tlx.errors import CheckpointError, ConfigError, SecurityError
from tlx.heads.linear import Linear
from tlx.modules.network import Network

SIDE = 16
HEAD = {"_target_": "tlx.heads.linear.Linear", "dropout": 0.0}
small = functools.partial(module, nets.Small, image_size=SIDE)


def saved(net, path, wrap=lambda state: state):
    torch.manual_seed(3)
    source = net().eval()
    source.load_state_dict(
        {n: torch.rand_like(t, dtype=torch.float32) for n, t in source.state_dict().items()}
    )
    torch.save(wrap(source.state_dict()), path)
    return source, str(path)


def bundled(backbone, folder, **more):
    write_bundle(folder, Network(backbone, Linear(backbone.out_features, 2)).eval(), HEAD, "ab", {}, {})
    return load_bundle(folder, ["tests"], **more)


def test_features_and_original_logits_are_those_of_the_network_itself(tmp_path):
    source, path = saved(nets.Small, tmp_path / "w.pth")
    backbone = small(weights=path).eval()
    pictures = torch.randn(3, 3, SIDE, SIDE)
    torch.testing.assert_close(backbone.original_logits(pictures).log_softmax(1), source(pictures))
    reads = []
    source.fc2.register_forward_pre_hook(lambda layer, inputs: reads.append(inputs[0]))
    source(pictures)
    assert torch.equal(backbone(pictures), reads[0])
    assert (backbone.out_features, len(backbone.original_classes)) == (12, 5)
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    assert backbone.weights == f"w.pth, sha256 {digest[:12]}"
    assert list(backbone.stages) == ["conv1", "conv2", "fc1"]


def test_a_dict_of_outputs_a_map_and_a_second_head_are_understood():
    tokens = module(nets.Tokens, image_size=SIDE)
    assert list(tokens.stages) == ["patches", "block0", "block1", "block2"]
    assert tokens(torch.randn(2, 3, SIDE, SIDE)).shape == (2, 8)
    tower = module(nets.tower, image_size=SIDE)
    assert tower(torch.randn(2, 3, SIDE, SIDE)).shape == (2, 4) == (2, tower.out_features)
    branched = module(nets.Branched, image_size=SIDE, original_head="main")
    assert not [name for name in branched.state_dict() if "side" in name]
    assert branched(torch.randn(2, 3, SIDE, SIDE)).shape == (2, 6)


def test_a_network_whose_last_layer_is_not_its_end_asks_which_one_is_meant():
    net = functools.partial(nets.tail, 4)
    with pytest.raises(ConfigError, match="bound without a name"):
        module(net, image_size=SIDE)
    with pytest.raises(
        ConfigError, match=r"last linear layer '3' does not give.* original_head=false|=3 to put"
    ):
        module(nets.tail, image_size=SIDE)
    assert module(nets.tail, image_size=SIDE, original_head="3").out_features == 8
    assert module(nets.tail, image_size=SIDE, original_head=False).out_features == 4


def test_stages_of_the_config_are_taken():
    stages = {"low": ["conv1", "bn1"], "rest": ["conv2", "fc1"]}
    assert {name: list(parts) for name, parts in small(stages=stages).stages.items()} == {
        "low": ["module.conv1", "module.bn1"],
        "rest": ["module.conv2", "module.fc1", "module.dropout", "module.fc2"],
    }
    assert list(small(stages=["conv1", "bn1", "conv2", "fc1"]).stages) == ["conv1", "bn1", "conv2", "fc1"]


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.encoder."])
def test_weights_in_an_odd_layout_fill_the_same_network(tmp_path, prefix):
    def wrap(state):
        return {"model": {prefix + n: t for n, t in state.items()}, "optimizer": {"lr": 1.0}, "epoch": 3}

    source, path = saved(nets.Small, tmp_path / "w.pth", wrap)
    backbone = small(weights=path)
    assert torch.equal(backbone.net.module.conv2.weight, source.conv2.weight)
    assert torch.equal(backbone.original_head.weight, source.fc2.weight)
    inside = module(nets.Wrapped, weights=path, image_size=SIDE)
    assert torch.equal(inside.net.module.model.conv2.weight, source.conv2.weight)


def test_what_a_file_lacks_is_said_and_keeps_the_same_values_every_time(tmp_path, caplog):
    def wrap(state):
        del state["conv1.weight"]
        return {**state, "more": torch.zeros(1)}

    _, path = saved(nets.Small, tmp_path / "w.pth", wrap)
    with caplog.at_level(logging.WARNING):
        one = small(weights=path)
    assert "w.pth does not fit to the last tensor: 1 missing (conv1.weight); 1 not used (more)" in caplog.text
    assert one.weights.endswith(", 1 tensor missing, 1 tensor not used")
    torch.rand(5)
    assert torch.equal(small(weights=path).net.module.conv1.weight, one.net.module.conv1.weight)
    with pytest.raises(CheckpointError, match=r"1 missing \(conv1\.weight\).*strict=false"):
        small(weights=path, strict=True)


def test_a_head_of_other_classes_is_left_out_without_a_word(tmp_path, caplog):
    _, path = saved(functools.partial(nets.Small, classes=9), tmp_path / "w.pth")
    backbone = small(weights=path)
    assert backbone.original_head is None
    assert caplog.text == ""


def test_other_channels_are_adapted_by_the_convention(tmp_path):
    source, path = saved(nets.Small, tmp_path / "w.pth")
    grey = small(weights=path, channels=1)
    kernel = adapt_kernel(source.conv1.weight.detach(), 1)
    torch.testing.assert_close(grey.net.module.conv1.weight.detach(), kernel)
    assert (grey.preprocessing.channels, grey.preprocessing.mean) == (1, (pytest.approx(0.449),))
    assert grey.weights.endswith("read with 1 channels instead of 3")
    grey.reinitialise(grey.stages, 3)
    saved(nets.tower, tmp_path / "tower.pth")
    built_grey = functools.partial(nets.tower, channels=1)
    backbone = module(built_grey, weights=str(tmp_path / "tower.pth"), image_size=SIDE)
    assert backbone.preprocessing.channels == 1
    assert backbone.weights.endswith("first convolution adapted to other channels")


@pytest.mark.parametrize("channels", [None, 1])
def test_channels_are_those_of_the_convolution_that_is_called_first(tmp_path, channels):
    source, path = saved(nets.Shuffled, tmp_path / "w.pth")
    backbone = module(nets.Shuffled, weights=path, image_size=SIDE, channels=channels).eval()
    assert backbone.preprocessing.channels == (channels or 3)
    kernel = adapt_kernel(source.body["a"].weight.detach(), channels or 3)
    torch.testing.assert_close(backbone.net.module.body["a"].weight.detach(), kernel)
    backbone.reinitialise(backbone.stages, 3)
    assert backbone(torch.randn(2, channels or 3, SIDE, SIDE)).shape == (2, 3)
    grey = functools.partial(nets.Shuffled, channels=1)
    adapted = module(grey, weights=path, image_size=SIDE)
    assert adapted.weights.endswith("first convolution adapted to other channels")


@pytest.mark.parametrize("settings", [{}, {"channels": 2}, {"stages": ["conv1", "bn1", "conv2", "fc1"]}])
def test_a_bundle_computes_the_same_bits_for_who_trusts_it_and_for_nobody_else(tmp_path, settings):
    _, path = saved(functools.partial(nets.Small, width=6), tmp_path / "w.pth")
    net = functools.partial(nets.Small, width=6)
    backbone = module(net, weights=path, image_size=SIDE, mean=[0.1, 0.2, 0.3], **settings).eval()
    again = bundled(backbone, tmp_path / "bundle").network.backbone
    pictures = torch.randn(2, backbone.preprocessing.channels, SIDE, SIDE)
    assert torch.equal(again(pictures), backbone(pictures))
    assert torch.equal(again.original_logits(pictures), backbone.original_logits(pictures))
    assert list(again.stages) == list(backbone.stages)
    assert again.preprocessing == backbone.preprocessing
    with pytest.raises(SecurityError, match=r"nets\.Small.*trust=\[tests\]"):
        load_bundle(tmp_path / "bundle")


def test_a_network_that_reads_text_gets_a_tokenizer(tmp_path):
    bert(tmp_path)  # its tokenizer
    backbone = module(nets.Reader, tokenizer=str(tmp_path), max_length=8).eval()
    assert (list(backbone.stages), backbone.out_features) == (["embedding", "layer"], 6)
    batch = backbone.preprocessing.collate([backbone.preprocessing.prepare("fine film"), [2]])
    again = bundled(backbone, tmp_path / "bundle").network.backbone
    assert torch.equal(again(batch), backbone(batch))
    assert again.preprocessing.max_length == 8


def test_random_values_come_from_the_seed_and_a_class_that_sets_its_own_is_found_out():
    one, other = small(), small()
    assert one.weights == "random"
    for backbone in (one, other):
        backbone.reinitialise(backbone.stages, 5)
    assert all(torch.equal(t, other.net.state_dict()[n]) for n, t in one.net.state_dict().items())
    own = module(nets.Dated, image_size=SIDE)
    assert own.weights == "as tests.backbones.nets.Dated sets them"
    with pytest.raises(ConfigError, match=r"sets its own weights.*pretrained=false"):
        own.reinitialise(own.stages, 5)


def test_a_file_that_runs_code_is_refused_and_another_file_by_its_hash(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "canary"),)

    torch.save({"args": Attack(), "model": nets.Small().state_dict()}, tmp_path / "attack.pth")
    with pytest.raises(SecurityError, match="nothing of it was run"):
        small(weights=str(tmp_path / "attack.pth"))
    assert not (tmp_path / "canary").exists()
    _, path = saved(nets.Small, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="sha256 says 00000000"):
        small(weights=path, sha256="00000000")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"image_size": 20}, r"Small cannot be run on a batch of two: RuntimeError.*model\.image_size"),
        ({"original_head": "fc3"}, r"original_head='fc3' is no layer.*conv2, fc1, fc2.*original_head=fc2"),
        ({"sha256": "abcdef01"}, "without weights"),
        ({"channels": 0}, "channels=0"),
        ({"mean": [0.5], "std": [0.5, 0.5]}, "std"),
        ({"net": nets.Tokens, "original_head": False}, r"returns a dict.*Expected features"),
        ({"net": nets.Tokens, "original_head": "norm"}, r"'norm' reads shape \(2, 5, 8\)"),
        ({"net": nn.ReLU}, "ReLU has no parameters beside its head"),
    ],
)
def test_what_cannot_be_made_of_a_network_is_explained(settings, said):
    with pytest.raises(ConfigError, match=said):
        module(**{"net": nets.Small, "image_size": SIDE} | settings)
