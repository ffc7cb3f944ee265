import hashlib
import re
from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision import models

from tlx.backbones.channels import adapt_kernel
from tlx.backbones.division import Outline
from tlx.backbones.torchvision import NAMES, torchvision
from tlx.checkpoint.bundle import load_bundle, write_bundle
from tlx.errors import CheckpointError, ConfigError, SecurityError
from tlx.heads.linear import Linear
from tlx.modules.network import Network
from tlx.preprocessing.image import ImagePreprocessing

SMALL = ["resnet18", "squeezenet1_1", "squeezenet1_0"]


def saved(model, path):
    torch.save(model.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    return {name: models.get_model(name, weights=None).eval() for name in SMALL}


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


def test_the_names_are_torchvisions_own():
    assert set(NAMES) < set(models.list_models(module=models))
    others = {"alexnet", "googlenet", "inception_v3", "maxvit_t"}
    left = set(models.list_models(module=models)) - set(NAMES) - others
    assert {name.partition("_")[0][:7] for name in left} == {"mnasnet", "shuffle"}


def test_a_file_of_densenet_with_the_names_of_old_is_read(tmp_path):
    model = models.densenet121()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): value
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "w.pth")
    backbone = torchvision("densenet121", str(tmp_path / "w.pth"), image_size=32).eval()
    pictures = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(backbone.original_logits(pictures), model.eval()(pictures))


def test_hidden_layers_of_a_classifier_must_be_in_the_file(tmp_path):
    tensors = models.mobilenet_v3_small(num_classes=5).state_dict()
    without = {name: value for name, value in tensors.items() if not name.startswith("classifier.3.")}
    torch.save(without, tmp_path / "headless.pth")
    backbone = torchvision("mobilenet_v3_small", str(tmp_path / "headless.pth"))
    assert backbone.original_head is None
    assert torch.equal(backbone.net.classifier[0].weight, tensors["classifier.0.weight"])
    torch.save({n: v for n, v in tensors.items() if not n.startswith("classifier.")}, tmp_path / "less.pth")
    with pytest.raises(CheckpointError, match=r"missing \(classifier\.0\.weight"):
        torchvision("mobilenet_v3_small", str(tmp_path / "less.pth"))


def test_values_that_are_not_finite_are_refused(tmp_path):
    model = models.squeezenet1_1()
    model.features[0].bias.data[3] = float("nan")
    with pytest.raises(CheckpointError, match=r"not finite: features\.0\.bias"):
        torchvision("squeezenet1_1", saved(model, tmp_path / "w.pth"))


def test_the_first_convolution_is_adapted_and_the_preprocessing_with_it(theirs, tmp_path):
    file = saved(theirs["squeezenet1_1"], tmp_path / "mine.pth")
    backbone = torchvision("squeezenet1_1", file, channels=6, image_size=64).eval()
    kernel = theirs["squeezenet1_1"].features[0].weight
    assert torch.equal(backbone.net[0].weight, adapt_kernel(kernel, 6))
    assert backbone.weights.endswith("read with 6 channels instead of 3")
    assert backbone.preprocessing.mean == (0.485, 0.456, 0.406) * 2
    pictures = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        twice = backbone.original_logits(pictures.repeat(1, 2, 1, 1))
        torch.testing.assert_close(twice, theirs["squeezenet1_1"](pictures), rtol=1e-4, atol=1e-4)
    arguments = {key: value for key, value in backbone.recipe.items() if key != "_target_"}
    torchvision(**arguments).load_state_dict(backbone.state_dict())
    assert torchvision("squeezenet1_1", channels=1).preprocessing.channels == 1


def test_a_file_of_other_channels_keeps_them_unless_told_otherwise(tmp_path):
    model = models.squeezenet1_1(num_classes=2)
    model.features[0] = nn.Conv2d(2, 64, 3, 2)
    file = saved(model, tmp_path / "w.pth")
    backbone = torchvision("squeezenet1_1", file)
    assert torch.equal(backbone.net[0].weight, model.features[0].weight)
    assert (backbone.preprocessing.channels, backbone.recipe["channels"]) == (2, 2)
    assert torch.equal(
        torchvision("squeezenet1_1", file, channels=1).net[0].weight, model.features[0].weight.sum(1, True)
    )
    with pytest.raises(CheckpointError, match=r"model\.name=squeezenet1_1,"):
        torchvision("squeezenet1_0", file)


def test_weights_of_another_model_name_the_model_they_are_of(theirs, tmp_path):
    file = saved(theirs["resnet18"], tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"layer1\.2\.conv1.*Try: model\.name=resnet18"):
        torchvision("resnet34", file)
    with pytest.raises(CheckpointError, match=r"model\.name=resnet18"):
        torchvision("squeezenet1_1", file)
    with Outline():
        shapes = models.regnet_y_400mf(num_classes=2).state_dict()
    torch.save({n: torch.zeros(()).expand(v.shape) for n, v in shapes.items()}, tmp_path / "regnet.pth")
    with pytest.raises(CheckpointError, match=r"model\.name=regnet_y_400mf"):
        torchvision("convnext_tiny", str(tmp_path / "regnet.pth"))
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
        ({"name": "googlenet"}, "ConvNeXt, .*ResNet, .*ViT"),
        ({"name": "vgg16", "weights": "IMAGENET1K_FEATURES"}, "no weights of vgg16 .*IMAGENET1K_V1"),
        ({"name": "resnet18", "channels": 0}, "channels=0"),
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
