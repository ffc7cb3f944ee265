import importlib.util
import io
import json
import re
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits

from tlx.backbones.tiny import SIZE, WEIGHTS, Network, source_statistics, tiny
from tlx.errors import CheckpointError, ConfigError, DataError

NAME = "tiny_omniglot"
CARD = json.loads((WEIGHTS / f"{NAME}.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def shipped():
    return tiny().eval()


@pytest.fixture
def copied(tmp_path):
    for file in WEIGHTS.glob(f"{NAME}*"):
        shutil.copy(file, tmp_path)
    return tmp_path / f"{NAME}.safetensors"


def test_the_network_and_its_original_head_have_at_most_450_thousand_parameters(shipped):
    assert sum(parameter.numel() for parameter in shipped.net.parameters()) == CARD["parameters"] == 400416
    assert sum(parameter.numel() for parameter in shipped.parameters()) <= 450_000


def test_the_shipped_weights_take_at_most_two_megabytes():
    assert sum(file.stat().st_size for file in WEIGHTS.glob("*.safetensors")) <= 2_000_000


def test_stages_lead_from_the_input_to_a_map_of_features(shipped):
    assert list(shipped.stages) == ["stem", "layer1", "layer2", "layer3"]
    pictures = torch.rand(3, 1, SIZE, SIZE)
    maps = pictures
    for stage in shipped.stages:
        (module,) = shipped.stage_modules(stage)
        maps = module(maps)
    assert maps.shape == (3, 128, 4, 4)
    torch.testing.assert_close(shipped(pictures), maps.mean((2, 3)))


def test_the_stages_together_hold_every_tensor_once(shipped):
    names = [name for stage in shipped.stages for name in shipped.stage_tensors(stage)]
    assert sorted(names) == sorted(shipped.net.state_dict())


def test_what_is_loaded_is_what_the_file_holds(shipped):
    tensors = load_file(WEIGHTS / f"{NAME}.safetensors")
    for name, value in shipped.net.state_dict().items():
        assert torch.equal(value, tensors[f"net.{name}"])
    assert len(shipped.original_classes) == len(tensors["head.bias"]) == 242
    assert shipped.original_classes[0] == "Balinese__character01"
    assert not any(parameter.requires_grad for parameter in shipped.original_head.parameters())


def test_original_logits_are_the_stored_head_on_pooled_features(shipped):
    tensors = load_file(WEIGHTS / f"{NAME}.safetensors")
    pictures = torch.rand(2, 1, SIZE, SIZE)
    expected = shipped(pictures) @ tensors["head.weight"].T + tensors["head.bias"]
    torch.testing.assert_close(shipped.original_logits(pictures), expected)


def test_random_values_are_asked_for_by_null():
    torch.manual_seed(3)
    backbone = tiny(None)
    torch.manual_seed(3)
    fresh = Network()
    assert backbone.weights == "random"
    assert backbone.original_head is None
    assert all(torch.equal(a, b) for a, b in zip(backbone.net.parameters(), fresh.parameters(), strict=True))


def test_the_preprocessing_is_the_one_the_weights_were_trained_with(shipped):
    stated = shipped.preprocessing.describe()
    assert (stated["crop"], stated["channels"]) == (32, 1)
    assert stated == CARD["preprocessing"]


def test_a_file_is_loaded_like_the_shipped_weights(copied, shipped):
    backbone = tiny(str(copied))
    assert torch.equal(backbone.net.stem[0].weight, shipped.net.stem[0].weight)
    assert backbone.original_classes == shipped.original_classes


def test_a_file_without_a_card_says_its_own_hash_and_numbers_its_classes(copied):
    copied.with_suffix(".json").unlink()
    backbone = tiny(str(copied))
    assert CARD["sha256"][copied.name][:12] in backbone.weights
    assert backbone.original_classes == tuple(str(number) for number in range(242))
    assert backbone.recipe["original_classes"] == list(backbone.original_classes)


def test_one_flipped_bit_is_refused(copied):
    content = bytearray(copied.read_bytes())
    content[-1] ^= 1
    copied.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"SHA-256 .* its card says .* Try: install tlx again"):
        tiny(str(copied))


def test_a_card_that_does_not_know_the_file_vouches_for_nothing(copied):
    copied.with_suffix(".json").write_text("{}")
    with pytest.raises(CheckpointError, match="its card says"):
        tiny(str(copied))


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"not tensors at all")
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        tiny(str(file))


def test_weights_of_another_network_are_refused(tmp_path):
    file = tmp_path / "other.safetensors"
    save_file({"net.conv.weight": torch.zeros(2)}, file)
    with pytest.raises(CheckpointError, match="does not hold the weights of tiny"):
        tiny(str(file))


def script(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn_characters(archive):
    draw = np.random.default_rng(0)
    with tarfile.open(archive, "w") as tar:
        places = ("small1/A__character01", "small2/A__character01", "small2/B__character02")
        for place in places:
            for number in range(1, 21):
                ink = np.full((105, 105), 255, np.uint8)
                row, column = draw.integers(20, 60, 2)
                ink[row : row + 30, column : column + 3 * int(place[-1])] = 0
                picture = io.BytesIO()
                Image.fromarray(ink).save(picture, "png")
                info = tarfile.TarInfo(f"omniglot/background_{place}/0001_{number:02}.png")
                info.size = picture.tell()
                tar.addfile(info, io.BytesIO(picture.getvalue()))


def test_the_pre_training_script_writes_what_tiny_loads_and_twice_the_same(tmp_path, monkeypatch):
    pretrain = script("pretrain_tiny")
    drawn_characters(tmp_path / "omniglot.tar")
    options = ["--epochs", "1", "--batch-size", "16", "--precision", "fp32"]
    threads = torch.get_num_threads()
    for run in ("one", "two"):
        given = ["pretrain_tiny.py", f"{tmp_path}/omniglot.tar", "--out", f"{tmp_path}/{run}", *options]
        monkeypatch.setattr(sys, "argv", given)
        pretrain.main()
    torch.set_num_threads(threads)
    backbone = tiny(f"{tmp_path}/one/{NAME}.safetensors")
    assert backbone.original_classes == ("A__character01", "B__character02")
    assert backbone.net.stem[1].num_batches_tracked == 2  # 32 drawings train, 8 are held out
    one, two = (json.loads((tmp_path / run / f"{NAME}.json").read_text()) for run in ("one", "two"))
    assert one["sha256"] == two["sha256"]
    assert one["held_out"]["samples"] == 8


def test_the_pre_training_script_refuses_a_folder_without_characters(tmp_path):
    with pytest.raises(DataError, match="no background_small"):
        script("pretrain_tiny").read(tmp_path)


def test_an_unknown_name_is_refused_with_the_ways_out():
    with pytest.raises(ConfigError, match=r"'omniglott'. Known: omniglot. Try: omniglot, null .* path"):
        tiny("omniglott")


def test_a_missing_file_is_refused_with_the_ways_out(tmp_path):
    with pytest.raises(CheckpointError, match=r"no weights file .*mine.safetensors.* Try: one of omniglot"):
        tiny(str(tmp_path / "mine.safetensors"))


def test_the_feature_statistics_belong_to_the_weights():
    mean, covariance = source_statistics()
    assert mean.shape == (128,)
    torch.testing.assert_close(covariance, covariance.T)
    assert float(torch.linalg.eigvalsh(covariance).min()) > -1e-9
    assert float(mean.min()) > 0  # features follow a ReLU


def nearest_centroid_accuracy(backbone):
    table = load_digits()
    pictures = torch.nn.functional.interpolate(
        torch.from_numpy(table.images / 16).float()[:, None], (SIZE, SIZE), mode="bilinear"
    )
    stated = backbone.preprocessing.describe()
    with torch.no_grad():
        features = backbone.eval()((pictures[:400] - stated["mean"][0]) / stated["std"][0])
    labels = torch.from_numpy(table.target[:400])
    centroids = torch.stack([features[:100][labels[:100] == digit].mean(0) for digit in range(10)])
    guessed = torch.cdist(features[100:], centroids).argmin(1)
    return float((guessed == labels[100:]).double().mean())


def test_frozen_features_tell_digits_apart_better_than_random_ones(shipped):
    torch.manual_seed(0)
    assert nearest_centroid_accuracy(shipped) > nearest_centroid_accuracy(tiny(None)) + 0.1


def test_the_card_says_where_the_weights_come_from_and_how_good_they_are():
    assert {"source", "licence", "recipe", "seed", "source_accuracy", "sha256", "classes"} <= set(CARD)
    assert "MIT" in CARD["licence"]
    assert min(CARD["source_accuracy"].values()) > 0.5


@pytest.mark.parametrize("labels", ["5", "10"])
def test_the_card_shows_that_pre_training_helps(labels):
    row = CARD["transfer"]["per_class"][labels]
    pairs = torch.tensor(row[row["pretrained"]]["test"]) - torch.tensor(row["scratch"]["test"])
    half = 2.262157 * float(pairs.std()) / 10**0.5
    assert len(pairs) == 10
    assert row["difference"]["mean"] == pytest.approx(float(pairs.mean()), abs=1e-4)
    assert row["difference"]["low"] == pytest.approx(float(pairs.mean()) - half, abs=1e-4)
    assert row["difference"]["low"] > 0


def test_the_page_for_people_has_the_figures_of_the_card():
    page = (WEIGHTS / "README.md").read_text("utf-8")
    for name, digest in CARD["sha256"].items():
        assert f"{digest}  {name}" in page
    for view, value in CARD["source_accuracy"].items():
        assert f"| {view} | {100 * value:.2f} |" in page
    for labels, row in CARD["transfer"]["per_class"].items():
        (line,) = re.findall(rf"^\| {labels} \|.*$", page, re.MULTILINE)
        for figure in (row["scratch"], row["full"], row["frozen"], row["difference"]):
            low, high = 100 * figure["low"], 100 * figure["high"]
            assert f"{100 * figure['mean']:.1f} [{low:.1f}, {high:.1f}]" in line
    assert CARD["transfer"]["command"] in page


def test_weights_bring_their_own_head_and_take_no_other_classes() -> None:
    with pytest.raises(ConfigError, match="original_classes="):
        tiny(original_classes=["a", "b"])
    assert tiny(weights=None, original_classes=["a", "b"]).original_logits(
        torch.zeros(2, 1, 32, 32)
    ).shape == (2, 2)
