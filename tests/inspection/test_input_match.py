from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.inspection.colour_network import MEAN, RIGHT, STD, data_of, pictures, trained
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.inspection.finding import Finding
from tlx.inspection.input_match import input_match
from tlx.preprocessing.image import ImagePreprocessing

WAYS = pytest.mark.parametrize("norm", [True, False], ids=["norm", "head"])
HALF = ((0.5,) * 3, (0.5,) * 3)
PLAIN = ((0.0,) * 3, (1.0,) * 3)
OFFSET, SCALE = np.array(MEAN, np.float32), np.array(STD, np.float32)


def found(
    norm: bool,
    change: Any = lambda values: (values * 255).astype(np.uint8),
    preprocessing: ImagePreprocessing = RIGHT,
    strength: float = 1.0,
    seed: int = 5,
    **built: Any,
) -> Finding:
    values, labels = pictures(96, seed, strength)
    backbone = trained(norm, preprocessing, **built)
    (finding,) = input_match(backbone, data_of(change(values), labels), torch.device("cpu"), nullcontext)
    return finding


def with_values(mean: Any, std: Any) -> ImagePreprocessing:
    return replace(RIGHT, mean=tuple(mean), std=tuple(std))


@WAYS
@pytest.mark.parametrize("seed", range(4))
def test_pictures_as_the_weights_know_them_are_fine(norm: bool, seed: int) -> None:
    assert found(norm, seed=seed).level == "ok"
    assert found(norm, lambda values: values, seed=seed).level == "ok"


GREY, BRIGHT, DARK, WHITE = (
    lambda values: values[:, :, :, [1, 1, 1]],
    lambda values: 0.75 + 0.25 * values,
    lambda values: 0.25 * values,
    lambda values: np.where(values.mean(axis=-1, keepdims=True) < 0.4, values, np.float32(1)),
)


@pytest.mark.parametrize("change", [GREY, BRIGHT, DARK, WHITE], ids=["grey", "bright", "dark", "white"])
def test_unusual_pictures_that_are_rightly_prepared_are_no_fault_to_a_norm(change: Any) -> None:
    assert found(True, change).level == "ok"


@pytest.mark.parametrize("change", [GREY, DARK, WHITE], ids=["grey", "dark", "white"])
def test_unusual_pictures_that_are_rightly_prepared_are_no_fault_to_a_head(change: Any) -> None:
    assert found(False, change).level == "ok"


@WAYS
@pytest.mark.parametrize("of", [HALF, PLAIN], ids=["half", "plain"])
def test_weights_that_want_other_values_than_imagenets_and_get_them_are_fine(norm: bool, of: Any) -> None:
    assert found(norm, preprocessing=with_values(*of), of=of).level == "ok"


@WAYS
@pytest.mark.parametrize(
    ("change", "fault", "fix"),
    [
        (lambda values: values * 255, "values up to 255 are not divided by 255", "divided by 255 once"),
        (lambda values: values / 255, "are divided by 255 twice", "divided by 255 once"),
        (lambda values: values[..., ::-1], "in the order blue, green, red", "last axis reversed"),
        (lambda values: (values - OFFSET) / SCALE, "were normalised before", "as they were"),
        (lambda values: (values - np.float32(0.5)) * 2, "were normalised before", "as they were"),
    ],
    ids=["0-255", "black", "bgr", "twice", "twice by a half"],
)
def test_arrays_that_were_changed_before_are_told(norm: bool, change: Any, fault: str, fix: str) -> None:
    finding = found(norm, change)
    assert finding.level == "warn", finding.what
    assert fault in finding.what
    assert fix in finding.fix


IMAGENETS = "model.mean=[0.485,0.456,0.406] model.std=[0.229,0.224,0.225]"
STDS = "model.std=[0.229,0.224,0.225]"


@WAYS
@pytest.mark.parametrize(
    ("mean", "std", "fix"),
    [
        (*PLAIN, IMAGENETS),
        (MEAN, [value / 255 for value in STD], STDS),
        (MEAN, [value * 255 for value in STD], STDS),
        ([value * 255 for value in MEAN], [value * 255 for value in STD], ""),
    ],
    ids=["none", "a 255th", "255 times", "of 0-255"],
)
def test_a_wrong_mean_or_std_is_told(norm: bool, mean: Any, std: Any, fix: str) -> None:
    finding = found(norm, preprocessing=with_values(mean, std))
    assert finding.level == "warn", finding.what
    assert fix in finding.fix


@pytest.mark.parametrize(
    ("mean", "std"),
    [(MEAN, (0.5,) * 3), HALF, (MEAN, [2 * value for value in STD]), (MEAN, [value / 2 for value in STD])],
    ids=["half the scale", "halves", "twice", "half"],
)
def test_a_norm_tells_a_std_that_is_wrong_by_a_factor_of_two(mean: Any, std: Any) -> None:
    finding = found(True, preprocessing=with_values(mean, std))
    assert finding.level == "warn", finding.what
    assert "std of the preprocessing" in finding.what
    assert "model.std=[0.2" in finding.fix


@pytest.mark.parametrize(
    ("recipe", "network"),
    [
        (
            {"_target_": "tlx.backbones.torchvision.torchvision", "name": "squeezenet1_1"},
            "model.net._target_=torchvision.models.squeezenet1_1 trust=[torchvision]",
        ),
        (
            {"_target_": "tlx.backbones.timm.timm", "name": "resnet18"},
            "model.net._target_=timm.create_model +model.net.model_name=resnet18 trust=[timm]",
        ),
        ({"_target_": "mine.Net"}, "model.net._target_=PACKAGE.NETWORK trust=[PACKAGE]"),
    ],
)
def test_a_model_without_a_mean_to_set_is_named_with_the_way_to_one(
    recipe: dict[str, str], network: str
) -> None:
    own = f"model=module {network} model.weights=FILE"
    assert found(True, preprocessing=with_values(*PLAIN), recipe=recipe).fix == f"{own} {IMAGENETS}"
    narrow = with_values(MEAN, [value / 2 for value in STD])
    assert found(True, preprocessing=narrow, recipe=recipe).fix == f"{own} {IMAGENETS}"
    twice = found(True, lambda values: (values - OFFSET) / SCALE, recipe=recipe)
    assert twice.fix == "pictures as they were, with values from 0 to 255"


def test_the_network_that_is_named_composes_with_that_mean() -> None:
    words = ["model=module", "model.net._target_=torchvision.models.squeezenet1_1", "trust=[torchvision]"]
    composed = compose("fit", [*words, *IMAGENETS.replace("0.485", "0.5").split(), "model.image_size=64"])
    job = make_job(composed.config, composed.trust)
    assert isinstance(job.backbone.preprocessing, ImagePreprocessing)
    assert job.backbone.preprocessing.mean == (0.5, 0.456, 0.406)


def test_a_norm_tells_that_its_weights_want_plain_values() -> None:
    finding = found(True, of=PLAIN)
    assert "the weights were trained with such as were not" in finding.what
    assert finding.fix == "model.mean=[0,0,0] model.std=[1,1,1]"


def test_without_a_norm_and_a_head_only_what_no_picture_is_like_is_told() -> None:
    assert found(False, head=False).level == "ok"
    assert "not divided by 255" in found(False, lambda values: values * 255, head=False).what
    assert found(False, preprocessing=with_values(*PLAIN), head=False).level == "ok"


def test_random_weights_expect_nothing_and_few_samples_tell_nothing() -> None:
    values, labels = pictures(96, 5)
    backbone = trained(True)
    backbone.weights = "random"
    (finding,) = input_match(backbone, data_of(values * 255, labels), torch.device("cpu"), nullcontext)
    assert finding.level == "ok"
    backbone.weights = "trained"
    few = data_of(values[:5] * 255, labels[:5])
    (finding,) = input_match(backbone, few, torch.device("cpu"), nullcontext)
    assert "5 samples are too few" in finding.what


def test_nothing_of_the_network_is_changed() -> None:
    values, labels = pictures(96, 5)
    backbone = trained(True)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    input_match(backbone, data_of(values * 255, labels), torch.device("cpu"), nullcontext)
    assert all(bool((value == before[name]).all()) for name, value in backbone.state_dict().items())
    assert not any(module._forward_pre_hooks for module in backbone.modules())
