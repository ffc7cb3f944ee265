import functools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.backbones import nets
from tlx.assembly import build_network
from tlx.backbones.module import module
from tlx.backbones.staged import StagedBackbone
from tlx.backbones.tiny import tiny
from tlx.checkpoint.bundle import write_bundle
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import CheckpointError, ConfigError, SecurityError
from tlx.heads.linear import Linear
from tlx.modules.network import Network

HEAD = {"_target_": "tlx.heads.linear.Linear", "dropout": 0.0}
OWN = ("model=module", "model.net._target_=tests.backbones.nets.Small", "data=digits")


def finished(folder: Path, backbone: StagedBackbone) -> Path:
    """A run that is over, as far as another one can see."""
    network = Network(backbone, Linear(backbone.out_features, 3)).eval()
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.fill_(number / 100)
    write_bundle(folder / "bundle", network, HEAD, "abc", {}, {})
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    net = functools.partial(nets.Small, width=3)
    return finished(tmp_path / "own" / "first", module(net, image_size=16, mean=[0.1, 0.2, 0.3]))


@pytest.fixture
def built_in(tmp_path: Path) -> Path:
    return finished(tmp_path / "first", tiny(None))


def job(*overrides: str, **more: Any) -> Any:
    return make_job(compose("fit", list(overrides)).config, ["tests"], **more)


def test_the_backbone_of_the_run_is_taken_and_the_head_is_new(built_in: Path) -> None:
    made = job(f"init_from={built_in}")
    assert made.backbone.weights.startswith("run first, sha256 ")
    before = {name: tensor.clone() for name, tensor in made.backbone.net.state_dict().items()}
    network = build_network(made)  # which gives random backbones other values
    for number, parameter in enumerate(network.backbone.net.parameters()):
        assert parameter.eq(number / 100).all()
    assert all(torch.equal(before[name], t) for name, t in network.backbone.net.state_dict().items())
    assert network.head.linear.weight.shape[0] == 10  # type: ignore[union-attr,index]
    assert network.backbone.original_head is None


def test_a_bundle_alone_serves_as_well_and_its_path_is_kept_absolute(
    built_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built_in.parent)
    config = compose("fit", ["init_from=first/bundle"]).config
    assert config["init_from"] == str(built_in / "bundle")
    assert make_job(config).backbone.weights.startswith("run first, sha256 ")
    shutil.copytree(built_in / "bundle", "copy")
    assert job("init_from=copy").backbone.weights.startswith("run copy, sha256 ")


def test_what_the_config_leaves_open_is_as_the_run_has_it(own: Path) -> None:
    made = job(
        *OWN, "+model.net.width=3", "model.image_size=16", "model.mean=[0.1,0.2,0.3]", f"init_from={own}"
    )
    assert made.backbone.preprocessing.mean == (0.1, 0.2, 0.3)
    assert list(made.backbone.stages) == ["conv1", "conv2", "fc1"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["model=tiny"],
            r"the run first has the model tests\.backbones\.nets\.Small \(module\), and this config has tiny",
        ),
        (["model=tiny"], r"Try: model=module model\.net\._target_=tests\.backbones\.nets\.Small"),
        (
            [*OWN, "+model.net.width=3"],
            r"image_size=224 here and 16 there.* Try: model\.image_size=16 model\.mean=\[0\.1,0\.2,0\.3\]",
        ),
        ([*OWN, "model.image_size=16", "model.mean=[0.1,0.2,0.3]"], r"Try: \+model\.net\.width=3"),
        (
            [
                *OWN,
                "model.image_size=16",
                "model.mean=[0.1,0.2,0.3]",
                "+model.net.width=3",
                "+model.net.side=20",
            ],
            r"Try: no \+model\.net\.side",
        ),
    ],
)
def test_another_model_or_one_set_otherwise_is_refused_with_the_way_to_the_runs(
    own: Path, overrides: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        job(*overrides, f"init_from={own}")


def test_a_published_name_is_the_way_out_where_there_is_one(built_in: Path) -> None:
    path = built_in / "bundle" / "bundle.json"
    meta = json.loads(path.read_text())
    meta["backbone"] = {"_target_": "tlx.backbones.torchvision.torchvision", "name": "resnet18"}
    path.write_text(json.dumps(meta))
    with pytest.raises(ConfigError, match=r"resnet18 \(torchvision\).* Try: model=resnet18, or"):
        job(f"init_from={built_in}")
    meta["backbone"]["name"] = "resnet34"
    path.write_text(json.dumps(meta))
    with pytest.raises(ConfigError, match=r"Try: model=torchvision model\.name=resnet34, or"):
        job(f"init_from={built_in}")


def test_a_run_that_is_gone_or_not_over_is_named(built_in: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere' is not there.*or put it back"):
        job(f"init_from={tmp_path / 'nowhere'}")
    (built_in / "bundle" / "bundle.json").unlink()
    with pytest.raises(CheckpointError, match=r"no bundle.* Try: a run that has finished"):
        job(f"init_from={built_in}")


def test_damaged_weights_and_code_that_nobody_trusts_are_refused(built_in: Path, own: Path) -> None:
    settings = ("+model.net.width=3", "model.image_size=16", "model.mean=[0.1,0.2,0.3]")
    config = compose("fit", [*OWN, *settings, f"init_from={own}"]).config
    with pytest.raises(SecurityError, match=r"trust=\[tests\]"):
        make_job(config)
    path = built_in / "bundle" / "bundle.json"
    meta = json.loads(path.read_text())
    path.write_text(json.dumps(meta | {"preprocessing": {"_target_": "os.system", "command": "true"}}))
    with pytest.raises(SecurityError, match=r"os\.system"):
        job(f"init_from={built_in}")
    path.write_text(json.dumps(meta | {"weights_sha256": "0" * 64}))
    with pytest.raises(CheckpointError, match="damaged"):
        job(f"init_from={built_in}")


def test_an_object_is_filled_where_it_fits(built_in: Path, own: Path) -> None:
    made = job(f"init_from={built_in}", model=tiny(None))
    assert made.backbone.weights.startswith("run first, sha256 ")
    with pytest.raises(CheckpointError, match="of another network"):
        job(f"init_from={own}", model=tiny(None))
