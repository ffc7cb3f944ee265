import hashlib
import os
import sys

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from tlx.backbones.channels import adapt_kernel
from tlx.backbones.timm import timm
from tlx.checkpoint.bundle import load_bundle, write_bundle
from tlx.errors import CheckpointError, ConfigError, SecurityError
from tlx.heads.linear import Linear
from tlx.modules.network import Network, is_norm

library = pytest.importorskip("timm")

REAL = ["resnet26", "convnext_atto", "mobilenetv3_small_050", "efficientnet_lite0", "regnetx_002"]
FIXED = {
    "vit_tiny_patch16_224": 64,
    "swin_tiny_patch4_window7_224": 224,
    "mixer_s32_224": 64,
    "poolformer_s12": 64,
}
SMALL = [
    f"test_{name}" for name in ("byobnet", "coatnet", "convnext2", "mambaout", "maxvit", "nfnet", "vit3")
]


def saved(name, path, classes=1000, **more):
    torch.manual_seed(1)
    model = library.create_model(name, num_classes=classes, **more).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
    nn.init.normal_(model.get_classifier().weight)  # timm starts some at zero
    torch.save(model.state_dict(), path)
    return model


@pytest.mark.parametrize("name", [*SMALL, *REAL, *FIXED])
def test_every_model_is_divided_and_no_stage_is_a_lone_norm(name):
    backbone = timm(name, image_size=FIXED.get(name, 64))
    assert next(iter(backbone.stages)) == "stem"
    assert all(stage.isidentifier() and stage != "head" for stage in backbone.stages)
    held = [id(t) for stage in backbone.stages for t in backbone.stage_tensors(stage).values()]
    assert sorted(held) == sorted(map(id, [*backbone.net.parameters(), *backbone.net.buffers()]))
    ours = [m for s in backbone.stages for top in backbone.stage_modules(s) for m in top.modules()]
    leaves = [m for m in backbone.net.modules() if not list(m.children())]
    assert {id(leaf) for leaf in leaves} <= {id(m) for m in ours}
    for stage in backbone.stages:
        modules = [m for top in backbone.stage_modules(stage) for m in top.modules()]
        assert not all(is_norm(m) for m in modules if list(m.parameters(recurse=False)))


def test_stages_are_in_the_order_and_have_the_names_of_timms_groups():
    assert list(timm("resnet26").stages) == ["stem", "layer1", "layer2", "layer3", "layer4"]
    assert list(timm("test_vit").stages) == ["stem", *(f"block{i}" for i in range(6))]
    assert list(timm("convnext_atto").stages) == ["stem", *(f"stage{i}" for i in range(4))]
    assert list(timm("densenet121").stages) == ["stem", *(f"denseblock{i}" for i in range(1, 5))]
    vit = timm("test_vit")
    assert {"cls_token", "pos_embed", "patch_embed.proj.weight"} < set(vit.stage_tensors("stem"))
    assert "norm.weight" in vit.stage_tensors("block5")


@pytest.mark.parametrize(
    ("name", "size"), [("test_vit", 160), ("test_convnext", 64), ("test_efficientnet", 64), ("resnet18", 64)]
)
def test_original_logits_are_timms_own_and_features_what_its_classifier_reads(name, size, tmp_path):
    theirs = saved(name, tmp_path / "w.pth", classes=11)
    backbone = timm(name, str(tmp_path / "w.pth"), image_size=size).eval()
    digest = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    assert backbone.weights == f"w.pth, sha256 {digest[:12]}"
    pictures = torch.randn(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(backbone.original_logits(pictures), theirs(pictures))
        features = theirs.forward_head(theirs.forward_features(pictures), pre_logits=True)
        torch.testing.assert_close(backbone(pictures), features)
    assert len(backbone.original_classes) == 11


@pytest.mark.parametrize("name", ["test_vit", "resnet18", "vit_tiny_patch16_224.augreg_in21k"])
def test_preprocessing_is_timms_own_transform(name):
    backbone = timm(name)
    config = library.data.resolve_model_data_config(library.create_model(name))
    theirs = library.data.create_transform(**config, is_training=False)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (260, 330, 3), generator=generator, dtype=torch.uint8)
    picture = Image.fromarray(pixels.numpy())
    torch.testing.assert_close(backbone.preprocessing.prepare(picture), theirs(picture))
    assert backbone.preprocessing.mean == config["mean"]


def test_a_wrapped_file_without_a_classifier_is_read_and_names_no_classes(tmp_path):
    theirs = saved("test_resnet", tmp_path / "w.pth")
    body = {f"module.{n}": t for n, t in theirs.state_dict().items() if not n.startswith("fc.")}
    torch.save({"state_dict": body, "epoch": 3}, tmp_path / "body.pth.tar")
    backbone = timm("test_resnet", str(tmp_path / "body.pth.tar"))
    assert torch.equal(backbone.net.layer4[0].conv1.weight, theirs.layer4[0].conv1.weight)
    assert backbone.original_head is None and backbone.original_classes == ()


def test_another_number_of_channels_is_adapted_by_the_convention(tmp_path):
    theirs = saved("test_resnet", tmp_path / "w.pth")
    backbone = timm("test_resnet", str(tmp_path / "w.pth"), channels=1)
    kernel = next(m for m in theirs.modules() if isinstance(m, nn.Conv2d)).weight
    torch.testing.assert_close(next(backbone.net.parameters()), adapt_kernel(kernel.detach(), 1))
    assert backbone.preprocessing.channels == 1
    assert backbone.weights.endswith(", read with 1 channels instead of 3")
    assert backbone(torch.randn(2, 1, 64, 64)).shape == (2, backbone.out_features)
    backbone.reinitialise(backbone.stages, 3)


def test_a_bundle_computes_the_same_bits(tmp_path):
    saved("test_vit", tmp_path / "w.pth", classes=4, img_size=64)
    backbone = timm("test_vit", str(tmp_path / "w.pth"), image_size=64, channels=2)
    network = Network(backbone, Linear(backbone.out_features, 2)).eval()
    head = {"_target_": "tlx.heads.linear.Linear", "dropout": 0.0}
    write_bundle(tmp_path / "bundle", network, head, ["a", "b"], {}, {})
    again = load_bundle(tmp_path / "bundle").network
    pictures = torch.randn(2, 2, 64, 64)
    assert torch.equal(again(pictures), network(pictures))
    assert torch.equal(again.backbone.original_logits(pictures), backbone.original_logits(pictures))


def cache(monkeypatch, folder, model, repository):
    """The hub's local cache with one model in it, and no hub."""
    home = folder / f"models--{repository.replace('/', '--')}"
    (home / "snapshots" / "abc").mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("abc")
    file = home / "snapshots" / "abc" / "model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, file)
    point_at(monkeypatch, folder)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def point_at(monkeypatch, folder):
    constants = __import__("huggingface_hub.constants").constants
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("tlx.backbones.hub.reachable", lambda: False)


def test_published_weights_come_from_the_hubs_cache_by_their_tag(monkeypatch, tmp_path):
    theirs = saved("test_resnet", tmp_path / "w.pth")
    digest = cache(monkeypatch, tmp_path / "hub", theirs, "timm/test_resnet.r160_in1k")
    for weights in (True, "r160_in1k"):
        backbone = timm("test_resnet", weights, sha256=digest[:10]).eval()
        assert backbone.weights == f"test_resnet.r160_in1k, sha256 {digest[:12]}"
        pictures = torch.randn(1, 3, 64, 64)
        torch.testing.assert_close(backbone.original_logits(pictures), theirs(pictures))
    assert backbone.recipe["name"] == "test_resnet.r160_in1k"
    with pytest.raises(CheckpointError, match="sha256 says 00000000"):
        timm("test_resnet", True, sha256="00000000")


def test_weights_that_cannot_be_had_are_explained(monkeypatch, tmp_path):
    point_at(monkeypatch, tmp_path)
    with pytest.raises(CheckpointError, match=r"not in the hub's local cache.*model\.weights=FILE"):
        timm("test_resnet", True)


def test_a_file_of_another_model_or_one_that_runs_code_is_refused(tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "canary"),)

    saved("test_resnet", tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"does not fit.*state_dict of timm's test_vit"):
        timm("test_vit", str(tmp_path / "w.pth"))
    torch.save({"weight": Attack()}, tmp_path / "attack.pth")
    with pytest.raises(SecurityError, match="nothing of it was run"):
        timm("test_vit", str(tmp_path / "attack.pth"))
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "test_resnett"}, "no timm model 'test_resnett'.* Try: test_resnet"),
        ({"name": "hf-hub:somebody/model"}, "no timm model"),
        ({"name": "test_resnet.r160"}, "no tag of test_resnet 'r160'.* Try: r160_in1k"),
        ({"name": "test_resnet", "weights": "r160"}, "no weights of test_resnet 'r160'.* Try: r160_in1k"),
        ({"name": "test_resnet", "image_size": 16}, "image_size=16"),
        ({"name": "test_vit", "image_size": 50}, r"test_vit cannot read pictures of 50 pixels"),
        ({"name": "test_resnet", "sha256": "abcdef01"}, "without weights"),
        ({"name": "test_resnet", "original_classes": 3, "weights": True}, "original_classes=3"),
        ({"name": "test_resnet", "channels": 0}, "channels=0"),
    ],
)
def test_wrong_settings_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        timm(**settings)


def test_without_the_package_the_way_to_install_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"pip install tlx\[timm\]"):
        timm("resnet18")


def test_reinitialise_draws_from_the_seed_alone():
    one, other = timm("test_efficientnet"), timm("test_efficientnet")
    for backbone in (one, other):
        backbone.reinitialise(backbone.stages, 5)
    assert all(torch.equal(t, other.net.state_dict()[n]) for n, t in one.net.state_dict().items())
