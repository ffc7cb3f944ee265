import hashlib
from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision import models

from tlx.backbones.torchvision import NAMES, torchvision
from tlx.checkpoint.bundle import load_bundle, write_bundle
from tlx.errors import CheckpointError, ConfigError, SecurityError
from tlx.heads.linear import Linear
from tlx.modules.network import Network
from tlx.preprocessing.image import ImagePreprocessing

SMALL = ["resnet18", "squeezenet1_1", "squeezenet1_0"]
NORMS = (nn.BatchNorm2d, nn.LayerNorm)


def saved(model, path):
    torch.save(model.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    return {name: models.get_model(name, weights=None).eval() for name in SMALL}


@pytest.mark.parametrize("name", NAMES)
def test_every_model_is_divided_and_no_stage_is_a_lone_norm(name):
    with torch.device("meta"):
        backbone = torchvision(name)
    held = [id(t) for stage in backbone.stages for t in backbone.stage_tensors(stage).values()]
    assert sorted(held) == sorted(map(id, [*backbone.net.parameters(), *backbone.net.buffers()]))
    for stage in backbone.stages:
        modules = [m for top in backbone.stage_modules(stage) for m in top.modules()]
        own = [m for m in modules if list(m.parameters(recurse=False))]
        assert not all(isinstance(m, NORMS) for m in own)


@pytest.mark.parametrize("name", NAMES)
def test_every_module_that_acts_belongs_to_a_stage(name):
    with torch.device("meta"):
        backbone = torchvision(name)
    ours = {id(m) for s in backbone.stages for top in backbone.stage_modules(s) for m in top.modules()}
    leaves = [m for m in backbone.net.modules() if not list(m.children())]
    assert all(id(leaf) in ours for leaf in leaves)


def test_stages_have_the_names_of_the_field():
    with torch.device("meta"):
        assert list(torchvision("resnet50").stages) == ["stem", "layer1", "layer2", "layer3", "layer4"]
        assert list(torchvision("vit_b_16").stages) == ["embed", *(f"block{i}" for i in range(12))]
        fires = [f"fire{i}" for i in range(2, 10)]
        assert list(torchvision("squeezenet1_0").stages) == ["stem", *fires]
        assert list(torchvision("squeezenet1_1").stages) == ["stem", *fires]


def test_the_tokens_of_a_vit_are_embedded_and_its_last_norm_is_in_its_last_block():
    with torch.device("meta"):
        backbone = torchvision("vit_b_16")
    embed = backbone.stage_tensors("embed")
    assert set(embed) == {"class_token", "conv_proj.weight", "conv_proj.bias", "encoder.pos_embedding"}
    assert "encoder.ln.weight" in backbone.stage_tensors("block11")


@pytest.mark.parametrize(("name", "size", "features"), [("resnet18", 64, 512), ("squeezenet1_1", 64, 512)])
def test_features_have_their_shape_and_a_frozen_network_records_no_graph(name, size, features):
    backbone = torchvision(name, image_size=size)
    pictures = torch.rand(2, 3, size, size)
    assert backbone(pictures).shape == (2, features) == (2, backbone.out_features)
    assert backbone(pictures).requires_grad
    backbone.requires_grad_(False)
    assert not backbone(pictures).requires_grad


@pytest.mark.parametrize("name", SMALL)
def test_original_logits_are_torchvisions_own_to_the_bit(name, theirs, tmp_path):
    backbone = torchvision(name, saved(theirs[name], tmp_path / "w.pth")).eval()
    pictures = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(backbone.original_logits(pictures), theirs[name](pictures))
    assert backbone.original_classes[:2] == ("tench", "goldfish")
    assert len(backbone.original_classes) == 1000


def test_a_vit_at_another_size_is_rebuilt_with_its_positions_and_its_head(tmp_path):
    model = models.vit_b_32(image_size=64, num_classes=3).eval()
    nn.init.normal_(model.heads.head.weight)
    backbone = torchvision("vit_b_32", saved(model, tmp_path / "w.pth"), image_size=64).eval()
    pictures = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(backbone.original_logits(pictures), model(pictures))
    assert backbone(pictures).shape == (2, 768)
    assert backbone.original_classes == ("0", "1", "2")
    arguments = {key: value for key, value in backbone.recipe.items() if key != "_target_"}
    torchvision(**arguments).load_state_dict(backbone.state_dict())
    with pytest.raises(CheckpointError, match=r"model\.image_size=64"):
        torchvision("vit_b_32", str(tmp_path / "w.pth"))


def test_a_bundle_gives_back_features_and_original_logits(theirs, tmp_path):
    backbone = torchvision("squeezenet1_1", saved(theirs["squeezenet1_1"], tmp_path / "w.pth"), image_size=64)
    network = Network(backbone, Linear(512, 2)).eval()
    head = {"_target_": "tlx.heads.linear.Linear", "dropout": 0.0}
    write_bundle(tmp_path / "bundle", network, head, ["a", "b"], {}, {})
    again = load_bundle(tmp_path / "bundle").network
    pictures = torch.rand(2, 3, 64, 64)
    assert torch.equal(again(pictures), network(pictures))
    assert torch.equal(again.backbone.original_logits(pictures), backbone.original_logits(pictures))
    assert again.backbone.preprocessing == backbone.preprocessing


def test_a_file_without_a_head_gives_a_backbone_without_one(theirs, tmp_path):
    tensors = {k: v for k, v in theirs["resnet18"].state_dict().items() if not k.startswith("fc.")}
    torch.save(tensors, tmp_path / "headless.pth")
    backbone = torchvision("resnet18", str(tmp_path / "headless.pth"))
    assert backbone.original_head is None
    assert torch.equal(backbone.net.layer4[1].conv2.weight, theirs["resnet18"].layer4[1].conv2.weight)


def test_random_values_come_without_a_head_unless_one_is_asked_for():
    assert torchvision("squeezenet1_1").original_head is None
    assert torchvision("squeezenet1_1").weights == "random"
    assert len(torchvision("squeezenet1_1", original_classes=7).original_classes) == 7


def test_reinitialise_changes_just_the_named_stages_by_seed_alone():
    backbone = torchvision("squeezenet1_1")
    before = {k: v.clone() for k, v in backbone.net.state_dict().items()}
    state = torch.get_rng_state()
    backbone.reinitialise(["fire9"], 1)
    first = {k: v.clone() for k, v in backbone.net.state_dict().items()}
    changed = {k for k in before if not torch.equal(before[k], first[k])}
    assert changed == {k for k in before if k.startswith("12.") and k.endswith("weight")}  # biases start at 0
    torch.rand(3)
    backbone.reinitialise(["fire9"], 1)
    assert all(torch.equal(first[k], v) for k, v in backbone.net.state_dict().items())
    torch.set_rng_state(state)
    assert not torch.equal(torch.rand(3), torch.zeros(3))


def test_the_preprocessing_is_that_of_the_weights():
    with torch.device("meta"):
        assert torchvision("resnet50").preprocessing == ImagePreprocessing(
            224, 232, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        )
        large = torchvision("vit_h_14").preprocessing
        assert (large.crop, large.resize, large.interpolation) == (518, 518, "bicubic")
        half = torchvision("resnet18", image_size=112).preprocessing
        assert (half.crop, half.resize) == (112, 128)


def test_the_description_of_a_file_names_it_its_hash_and_another_size(theirs, tmp_path):
    file = saved(theirs["squeezenet1_1"], tmp_path / "mine.pth")
    digest = hashlib.sha256((tmp_path / "mine.pth").read_bytes()).hexdigest()
    assert torchvision("squeezenet1_1", file, sha256=digest).weights == f"mine.pth, sha256 {digest[:12]}"
    said = torchvision("squeezenet1_1", file, image_size=112).weights
    assert said.endswith("read at 112 pixels instead of 224")
    with pytest.raises(CheckpointError, match="not the expected file"):
        torchvision("squeezenet1_1", file, sha256="0" * 64)


def test_the_hash_in_a_name_of_torchvisions_is_checked(theirs, tmp_path):
    with pytest.raises(CheckpointError, match="its name says b8a52dc0"):
        torchvision("squeezenet1_1", saved(theirs["squeezenet1_1"], tmp_path / "squeezenet1_1-b8a52dc0.pth"))
    assert torchvision("squeezenet1_1", saved(theirs["squeezenet1_1"], tmp_path / "mine-20240101.pth"))


def test_a_damaged_file_in_the_cache_is_found(theirs, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    saved(theirs["squeezenet1_1"], tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    with pytest.raises(CheckpointError, match="its name says b8a52dc0"):
        torchvision("squeezenet1_1", "IMAGENET1K_V1")


def test_a_download_that_cannot_be_had_says_where_it_looked_and_the_ways_out(tmp_path, monkeypatch):
    def unreachable(url, *_, **__):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    for weights in ("DEFAULT", "IMAGENET1K_V1", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
        with pytest.raises(CheckpointError, match=r"model\.weights=FILE.*model\.weights=null") as refusal:
            torchvision("squeezenet1_1", weights)
        assert str(tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth") in str(refusal.value)


def test_weights_of_another_model_name_the_model_they_are_of(theirs, tmp_path):
    file = saved(theirs["resnet18"], tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"layer1\.2\.conv1.*Try: model\.name=resnet18"):
        torchvision("resnet34", file)
    with pytest.raises(CheckpointError, match=r"model\.name=resnet18"):
        torchvision("squeezenet1_1", file)
    torch.save({"weight": torch.ones(2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"missing \(conv1\.weight, .*unexpected \(weight\)"):
        torchvision("resnet18", str(tmp_path / "other.pth"))


def test_a_missing_file_and_a_hostile_one_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere\.pth"):
        torchvision("resnet18", str(tmp_path / "nowhere.pth"))
    torch.save(nn.Linear(1, 1), tmp_path / "module.pth")
    with pytest.raises(SecurityError, match="more than tensors"):
        torchvision("resnet18", str(tmp_path / "module.pth"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "resnet19"}, "Try: resnet18"),
        ({"name": "convnext_tiny"}, "ResNet .* SqueezeNet .* ViT"),
        ({"name": "resnet18", "weights": "IMAGENET1K_V3"}, "Try: IMAGENET1K_V1"),
        ({"name": "resnet18", "weights": "ResNet50_Weights.IMAGENET1K_V1"}, "no weights of resnet18"),
        ({"name": "resnet18", "sha256": "ab" * 32}, "without weights"),
        ({"name": "resnet18", "image_size": 16}, "image_size=16"),
        ({"name": "vit_b_16", "image_size": 100}, "multiple of the patches"),
        ({"name": "resnet18", "original_classes": 0}, "original_classes=0"),
        ({"name": "resnet18", "weights": "x.pth", "original_classes": 3}, "original_classes=3"),
    ],
)
def test_wrong_arguments_are_refused(arguments, said):
    with pytest.raises(ConfigError, match=said):
        torchvision(**arguments)
