from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tlx.checkpoint.moments import read_moments
from tlx.errors import CheckpointError
from tlx.metrics.moments import FeatureMoments


def test_moments_are_read_from_a_run_and_from_its_bundle(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    saved = {"mean": torch.tensor([1.0, 2.0]), "covariance": torch.eye(2)}
    save_file(saved, tmp_path / "bundle" / "features.safetensors")
    for place in (tmp_path, tmp_path / "bundle"):
        mean, covariance, samples = read_moments(place)
        assert torch.equal(mean, saved["mean"]) and torch.equal(covariance, saved["covariance"])
        assert samples is None  # as in bundles of before it was written down


def test_the_samples_behind_the_moments_are_counted(tmp_path: Path) -> None:
    gathered = FeatureMoments(2)
    for rows in (torch.rand(5, 2), torch.rand(3, 2)):
        gathered.update(rows)
    saved = {name: value.float() for name, value in gathered.compute().items()}
    save_file(saved, tmp_path / "features.safetensors")
    assert read_moments(tmp_path).samples == 8


@pytest.mark.parametrize("content", [None, b"", b"damaged" * 9])
def test_a_file_that_is_missing_or_damaged_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "features.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="features.safetensors"):
        read_moments(tmp_path)


def test_a_file_without_a_covariance_is_told(tmp_path: Path) -> None:
    save_file({"mean": torch.zeros(2)}, tmp_path / "features.safetensors")
    with pytest.raises(CheckpointError, match="covariance"):
        read_moments(tmp_path)
