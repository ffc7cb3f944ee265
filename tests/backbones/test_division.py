import pytest
import torch
from torch import nn
from torchvision import models

from tlx.backbones.channels import adapt_first_convolution
from tlx.backbones.division import FAMILIES, FAMILY_OF, Outline, divide

NORMS = (nn.BatchNorm2d, nn.LayerNorm)


def divided(name):
    with Outline():
        return divide(name, models.get_model(name, weights=None))


def inside(name, prefixes):
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("name", FAMILY_OF)
def test_every_model_is_divided_in_order_and_no_stage_is_a_lone_norm(name):
    parts = divided(name)
    tensors = [n for n, _ in [*parts.net.named_parameters(), *parts.net.named_buffers()]]
    leaves = [n for n, m in parts.net.named_modules() if n and not list(m.children())]
    for owned in (tensors, leaves):
        assert [sum(inside(n, prefixes) for prefixes in parts.stages.values()) for n in owned] == [1] * len(
            owned
        )
    modules = dict(parts.net.named_modules())
    for prefixes in parts.stages.values():
        own = [m for n, m in modules.items() if inside(n, prefixes) and list(m.parameters(recurse=False))]
        assert not all(isinstance(m, NORMS) for m in own)
    positions = [
        min(i for i, n in enumerate(tensors) if inside(n, prefixes)) for prefixes in parts.stages.values()
    ]
    assert positions == sorted(positions)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.title)
def test_a_family_says_where_its_first_convolution_is(family):
    name = next(name for name, its in FAMILY_OF.items() if its is family)
    with Outline():
        model = models.get_model(name, weights=None)
    assert adapt_first_convolution(model, 3) == family.first


def test_every_family_has_models_and_no_model_two_families():
    assert {family.title for family in FAMILY_OF.values()} == {family.title for family in FAMILIES}
    assert all(sum(name.startswith(family.beginnings) for family in FAMILIES) == 1 for name in FAMILY_OF)


def test_stages_have_the_names_of_the_field():
    layers = ["stem", "layer1", "layer2", "layer3", "layer4"]
    assert list(divided("resnet50").stages) == layers
    assert list(divided("vit_b_16").stages) == ["embed", *(f"block{i}" for i in range(12))]
    for name in ("squeezenet1_0", "squeezenet1_1"):
        assert list(divided(name).stages) == ["stem", *(f"fire{i}" for i in range(2, 10))]
    for name, count in (("convnext_tiny", 4), ("efficientnet_b0", 7), ("efficientnet_v2_s", 6)):
        assert list(divided(name).stages) == ["stem", *(f"stage{i}" for i in range(1, count + 1))]
    for name, count in (("mobilenet_v2", 7), ("mobilenet_v3_small", 5), ("mobilenet_v3_large", 6)):
        assert list(divided(name).stages) == ["stem", *(f"stage{i}" for i in range(1, count + 1))]
    assert list(divided("regnet_y_400mf").stages) == ["stem", "stage1", "stage2", "stage3", "stage4"]
    assert list(divided("swin_v2_t").stages) == ["embed", "stage1", "stage2", "stage3", "stage4"]
    assert list(divided("densenet121").stages) == ["stem", "block1", "block2", "block3", "block4"]
    assert list(divided("vgg11_bn").stages) == [f"block{i}" for i in range(1, 6)]


def test_what_is_beside_the_blocks_is_in_the_stage_next_to_it():
    tokens = {"class_token", "conv_proj", "encoder.pos_embedding", "encoder.dropout"}
    assert set(divided("vit_b_16").stages["embed"]) == tokens
    assert "encoder.ln" in divided("vit_b_16").stages["block11"]
    assert divided("densenet121").stages["block2"] == ["features.transition1", "features.denseblock2"]
    assert divided("densenet121").stages["block4"][2:] == ["features.norm5", "classifier"]
    assert divided("convnext_tiny").stages["stage2"] == ["features.2", "features.3"]
    assert divided("swin_t").stages["stage4"][2:] == ["norm", "permute", "avgpool", "flatten", "head"]
    assert divided("mobilenet_v2").stages["stage7"] == ["features.17", "features.18", "classifier"]
    assert divided("vgg11").stages["block1"] == ["features.0", "features.1", "features.2"]


@pytest.mark.parametrize(
    ("name", "features", "hidden"),
    [("vgg11", 4096, nn.Linear), ("mobilenet_v3_small", 1024, nn.Linear), ("convnext_tiny", 768, NORMS)],
)
def test_hidden_layers_of_the_classifier_stay_and_the_dropout_before_the_last_goes(name, features, hidden):
    parts = divided(name)
    assert isinstance(parts.head, nn.Linear)
    assert parts.head.in_features == parts.features == features
    assert isinstance(parts.net.classifier[0], hidden)
    assert inside("classifier.0", list(parts.stages.values())[-1])
    assert not isinstance(parts.net.classifier[-2], nn.Dropout)


def test_an_outline_has_names_and_shapes_and_what_a_constructor_computes():
    whole = models.swin_t(num_classes=2).state_dict()
    with Outline():
        outline = models.swin_t(num_classes=2).state_dict()
    assert {n: v.shape for n, v in outline.items()} == {n: v.shape for n, v in whole.items()}
    assert outline["head.weight"].is_meta
    assert torch.equal(
        outline["features.1.0.attn.relative_position_index"],
        whole["features.1.0.attn.relative_position_index"],
    )
    assert not torch.zeros(1).is_meta
