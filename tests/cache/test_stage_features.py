from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from tests.faults.jobs import MadeUp, known_backbone
from tlx.backbones.pooled_stages import PooledStages
from tlx.cache.part import Part
from tlx.cache.settings import CacheSettings
from tlx.cache.stage_features import StageFeatures
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError

CPU = torch.device("cpu")


def features_in(folder: Path, lines: list[str] | None = None, **settings: float) -> StageFeatures:
    data = TransferData(MadeUp(), batch_size=16)
    kept = CacheSettings(folder=str(folder), **settings)  # type: ignore[arg-type]
    said: list[str] = [] if lines is None else lines
    return StageFeatures(kept, known_backbone(), data, CPU, nullcontext, {}, said.append)


def test_every_row_is_what_the_stages_give_of_that_sample(tmp_path: Path) -> None:
    features = features_in(tmp_path)
    split = features.data.splits.train
    found = features.of(Part("train", split))
    pictures = features.data.first(split, len(split))
    expected = PooledStages(features.backbone, pictures).values(pictures)
    for stage in features.stages:
        assert found[stage].shape == (len(split), expected[stage].shape[1])
        torch.testing.assert_close(found[stage], expected[stage], rtol=1e-5, atol=1e-6)


def test_the_second_time_nothing_is_computed_and_the_bits_are_the_same(tmp_path: Path) -> None:
    first = features_in(tmp_path)
    part = Part("train", first.data.splits.train)
    found = first.of(part)
    said: list[str] = []
    second = features_in(tmp_path, said)
    again = second.of(Part("train", second.data.splits.train))
    assert all(torch.equal(again[stage], found[stage]) for stage in found)
    assert not second.making.passes and not said


@pytest.mark.parametrize("nothing", [{"ram": 0, "disk": 0}, {"ram": 1, "disk": 0}])
def test_what_the_store_has_no_room_for_is_held_in_memory(tmp_path: Path, nothing: dict[str, float]) -> None:
    features = features_in(tmp_path, **nothing)
    part = Part("train", features.data.splits.train)
    assert len(features.of(part)["stem"]) == len(part.split)
    assert not list(tmp_path.rglob("*.bin"))


def test_a_damaged_entry_is_made_anew(tmp_path: Path) -> None:
    features = features_in(tmp_path)
    part = Part("train", features.data.splits.train)
    found = features.of(part)
    for file in tmp_path.rglob("0.bin"):
        raw = bytearray(file.read_bytes())
        raw[10] ^= 0xFF
        file.write_bytes(raw)
    said: list[str] = []
    again = features_in(tmp_path, said).of(part)
    assert torch.equal(again["stem"], found["stem"])
    assert any("made anew" in line for line in said)


def test_other_weights_are_another_entry(tmp_path: Path) -> None:
    features = features_in(tmp_path)
    part = Part("train", features.data.splits.train)
    found = features.of(part)
    with torch.no_grad():
        features.backbone.net.block1.conv.weight.mul_(2)  # type: ignore[union-attr, operator]
    assert not torch.equal(features.of(part)["block1"], found["block1"])


def test_features_that_differ_each_time_tell_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = features_in(tmp_path)
    values = features.pooled.values
    monkeypatch.setattr(
        features.pooled, "values", lambda inputs: {k: v + torch.rand(()) for k, v in values(inputs).items()}
    )
    with pytest.raises(ConfigError, match="other ones each time"):
        features.of(Part("train", features.data.splits.train))
