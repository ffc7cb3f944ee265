from pathlib import Path

import pytest
import torch
from torch import nn

from tlx.checkpoint.weights import load_weights, save_weights
from tlx.errors import CheckpointError


def net(width: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width))


def test_parameters_and_buffers_come_back_bit_for_bit(tmp_path: Path) -> None:
    one, other = net(), net()
    one(torch.randn(8, 2))
    digest = save_weights(one, tmp_path / "w.safetensors")
    load_weights(other, tmp_path / "w.safetensors", digest)
    assert all(torch.equal(t, other.state_dict()[name]) for name, t in one.state_dict().items())


def test_damaged_missing_and_foreign_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    digest = save_weights(net(), path)
    with pytest.raises(
        CheckpointError,
        match="6 names or shapes differ, first 0.weight \\(3, 2\\) there and \\(4, 2\\) here; 0.bias",
    ):
        load_weights(net(4), path)
    with pytest.raises(CheckpointError, match="no such weights"):
        load_weights(net(), tmp_path / "gone")
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(CheckpointError, match="damaged"):
        load_weights(net(), path, digest)
    path.write_bytes(b"\xff" * 40)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_weights(net(), path)


def test_tied_weights_are_kept(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    save_weights(tied, tmp_path / "w.safetensors")
    with torch.no_grad():
        expected = tied[0].weight.clone()
        tied[0].weight.zero_()
    load_weights(tied, tmp_path / "w.safetensors")
    assert torch.equal(tied[0].weight, expected)
