import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tlx.backbones.tiny import tiny
from tlx.checkpoint.bundle import load_bundle, write_bundle
from tlx.errors import CheckpointError, SecurityError
from tlx.heads.linear import Linear
from tlx.modules.network import Network

HEAD = {"_target_": "tlx.heads.linear.Linear", "dropout": 0.1}
CLASSES = ("a", "b", "<b>c</b>")


@pytest.fixture
def network() -> Network:
    torch.manual_seed(3)
    backbone = tiny()  # with an original head, which a bundle has to carry too
    network = Network(backbone, Linear(backbone.out_features, 3, dropout=0.1))
    network.train()(torch.randn(4, 1, 32, 32))
    return network.eval()


@pytest.fixture
def folder(tmp_path: Path, network: Network) -> Path:
    width = network.backbone.out_features
    moments = {"mean": torch.ones(width).double(), "covariance": torch.eye(width).double()}
    write_bundle(tmp_path / "bundle", network, HEAD, CLASSES, moments, {"title": "a title"})
    return tmp_path / "bundle"


def test_a_loaded_bundle_computes_the_same_bits(folder: Path, network: Network) -> None:
    bundle = load_bundle(folder)
    images = torch.randn(5, 1, 32, 32)
    assert torch.equal(bundle.network(images), network(images))
    assert bundle.classes == CLASSES
    assert bundle.preprocessing == network.backbone.preprocessing
    assert not bundle.network.training


def test_it_holds_moments_and_a_card(folder: Path) -> None:
    moments = load_file(folder / "features.safetensors")
    assert torch.equal(moments["covariance"], torch.eye(len(moments["mean"])))
    assert (folder / "README.md").read_text().startswith("# a title")


def change(folder: Path, **changes: object) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_temperature_lies_beside_the_weights_and_is_one_in_older_bundles(
    folder: Path, network: Network
) -> None:
    assert load_bundle(folder).network.temperature == 1.0
    network.temperature = 1.4375
    write_bundle(folder, network, HEAD, CLASSES, {}, {})
    loaded = load_bundle(folder).network
    images = torch.randn(2, 1, 32, 32)
    assert loaded.temperature == 1.4375
    assert torch.equal(loaded(images), network(images))  # logits are as they were trained
    content = json.loads((folder / "bundle.json").read_text())
    del content["temperature"]
    (folder / "bundle.json").write_text(json.dumps(content))
    assert load_bundle(folder).network.temperature == 1.0


@pytest.mark.parametrize("value", [0.0, -1.0, 1e9, float("nan"), float("inf"), "1", None, [1.0]])
def test_a_temperature_that_is_none_is_refused(folder: Path, value: object) -> None:
    change(folder, temperature=value)
    with pytest.raises(CheckpointError, match="no usable temperature"):
        load_bundle(folder)


@pytest.mark.parametrize("part", ["backbone", "head", "preprocessing"])
@pytest.mark.parametrize("target", ["os.system", "tlx.checkpoint.weights.save_file", "torch.hub.load"])
def test_a_bundle_can_name_tlx_alone(folder: Path, part: str, target: str) -> None:
    change(folder, **{part: {"_target_": target}})
    with pytest.raises(SecurityError):
        load_bundle(folder)


def test_damage_is_found(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no bundle"):
        load_bundle(tmp_path / "nowhere")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match="damaged"):
        load_bundle(folder)
    change(folder, format=99)
    with pytest.raises(CheckpointError, match="format 99"):
        load_bundle(folder)
    (folder / "bundle.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot read"):
        load_bundle(folder)
