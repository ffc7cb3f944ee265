import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tlx.backbones.mlp import Network, mlp
from tlx.checkpoint.bundle import write_bundle
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.heads.linear import Linear
from tlx.modules.network import Network as TransferNetwork
from tlx.recipe import build


def test_features_are_the_formula_of_the_pixels():
    backbone = mlp([5, 3], channels=1, image_size=4).eval()
    pictures = torch.rand(6, 1, 4, 4)
    values = pictures.reshape(6, 16)
    for layer in (backbone.net.hidden0, backbone.net.hidden1):
        weight, bias = layer[0].weight, layer[0].bias
        values = (values @ weight.T + bias).clamp(min=0)
    assert backbone(pictures).shape == (6, 3)
    torch.testing.assert_close(backbone(pictures), values)


def test_every_layer_is_a_stage_and_all_its_values_belong_to_one():
    backbone = mlp([5, 4, 3], image_size=2)
    assert list(backbone.stages) == ["hidden0", "hidden1", "hidden2"]
    names = [name for stage in backbone.stages for name in backbone.stage_tensors(stage)]
    assert sorted(names) == sorted(backbone.net.state_dict())
    assert backbone.out_features == 3


def test_the_published_network_has_its_number_of_weights():
    assert sum(p.numel() for p in mlp().net.parameters()) == 784 * 400 + 400 + 400 * 400 + 400
    wide = mlp([1000, 1000], image_size=32)
    assert sum(p.numel() for p in wide.net.parameters()) == 1024 * 1000 + 1000 + 1000 * 1000 + 1000


def test_values_are_those_of_linear_layers_as_pytorch_draws_them():
    torch.manual_seed(3)
    backbone = mlp([7, 5], image_size=6)
    torch.manual_seed(3)
    first, second = nn.Linear(36, 7), nn.Linear(7, 5)
    for layer, linear in ((backbone.net.hidden0, first), (backbone.net.hidden1, second)):
        assert torch.equal(layer[0].weight, linear.weight)
        assert torch.equal(layer[0].bias, linear.bias)
        assert layer[0].weight.abs().max() <= 1 / math.sqrt(layer[0].in_features)
    assert backbone.weights == "random"


def test_a_picture_of_the_size_is_read_as_its_pixels_between_0_and_1():
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)
    prepared = mlp().preprocessing.prepare(Image.fromarray(pixels))
    assert torch.equal(prepared, torch.from_numpy(pixels)[None].float() / 255)
    colour = np.random.default_rng(1).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    prepared = mlp(channels=3, image_size=9).preprocessing.prepare(Image.fromarray(colour))
    assert torch.equal(prepared, torch.from_numpy(colour).permute(2, 0, 1).float() / 255)
    assert mlp().preprocessing.prepare(Image.new("RGB", (50, 40))).shape == (1, 28, 28)


def test_its_recipe_builds_it_again():
    backbone = mlp([6, 4], channels=3, image_size=5)
    again = build(backbone.recipe)
    assert again.recipe == backbone.recipe
    again.net.load_state_dict(backbone.net.state_dict())
    pictures = torch.rand(2, 3, 5, 5)
    assert torch.equal(again.eval()(pictures), backbone.eval()(pictures))


def test_there_is_room_for_an_original_head_where_classes_are_named():
    assert mlp().original_head is None
    backbone = mlp([6, 4], image_size=5, original_classes=["a", "b", "c"])
    assert backbone.original_classes == ("a", "b", "c")
    pictures = torch.rand(2, 1, 5, 5)
    assert torch.equal(backbone.original_logits(pictures), backbone.original_head(backbone(pictures)))
    assert build(backbone.recipe).original_head.weight.shape == (3, 4)


def test_a_stage_gets_other_random_values_and_the_rest_keeps_its_own():
    backbone = mlp([6, 4], image_size=5)
    before = {name: value.clone() for name, value in backbone.net.state_dict().items()}
    backbone.reinitialise(["hidden1"], seed=1)
    moved = {
        name for name, value in backbone.net.state_dict().items() if not torch.equal(before[name], value)
    }
    assert moved == {"hidden1.0.weight", "hidden1.0.bias"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"hidden": []}, r"hidden=\[\] is not usable. Expected the units of one hidden layer or more"),
        ({"hidden": [400, 0]}, r"hidden=\[400, 0\]"),
        ({"channels": 0}, "channels=0"),
        ({"image_size": 0}, "image_size=0"),
    ],
)
def test_values_out_of_range_are_refused(arguments, said):
    with pytest.raises(ConfigError, match=said):
        mlp(**arguments)


def test_it_is_composed_and_set_from_the_command_line():
    config = compose("fit", ["model=mlp", "model.hidden=[20,10]", "model.image_size=8"]).config
    backbone = make_job(config).backbone
    assert isinstance(backbone.net, Network)
    assert (list(backbone.stages), backbone.out_features) == (["hidden0", "hidden1"], 10)


def test_a_run_can_start_from_the_layers_of_another(tmp_path):
    network = TransferNetwork(mlp([6, 4], image_size=5), Linear(4, 3))
    head = {"_target_": "tlx.heads.linear.Linear", "dropout": 0.0}
    write_bundle(tmp_path / "first" / "bundle", network, head, "abc", {}, {})
    words = ["model=mlp", "model.image_size=5", f"init_from={tmp_path / 'first'}"]
    backbone = make_job(compose("fit", [*words, "model.hidden=[6,4]"]).config).backbone
    assert backbone.weights.startswith("run first, sha256 ")
    state = network.backbone.net.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in backbone.net.state_dict().items())
    with pytest.raises(
        ConfigError, match=r"hidden=\[6, 5\] here and \[6, 4\] there.* Try: model\.hidden=\[6,4\]"
    ):
        make_job(compose("fit", [*words, "model.hidden=[6,5]"]).config)
