import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tlx.backbones.weights_file import check_sha256, fill, mismatches, read_tensors, sha256_of
from tlx.errors import CheckpointError, ConfigError, SecurityError


class Attack:
    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


@pytest.mark.parametrize("protocol", [None, 0, 2, 4])
def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(tmp_path, protocol):
    file, canary = tmp_path / "attack.pth", tmp_path / "canary"
    if protocol is None:
        torch.save({"weight": Attack(canary)}, file)
    else:
        file.write_bytes(pickle.dumps({"weight": Attack(canary)}, protocol))
    with pytest.raises(SecurityError, match="nothing of it was run") as refusal:
        read_tensors(file)
    assert refusal.value.exit_code == 7
    assert not canary.exists()
    pickle.loads(pickle.dumps(Attack(canary)))  # the attack works where it is let
    assert canary.exists()


def test_a_whole_pickled_module_is_refused_with_the_way_to_save_it(tmp_path):
    torch.save(nn.Linear(1, 1), tmp_path / "module.pth")
    with pytest.raises(SecurityError, match=r"torch\.nn.*state_dict"):
        read_tensors(tmp_path / "module.pth")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 and no more", bytes(range(256))])
@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors"])
def test_an_unreadable_file_is_named(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read") as refusal:
        read_tensors(tmp_path / name)
    assert name in str(refusal.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_unreadable(tmp_path, share):
    file = tmp_path / "cut.pth"
    torch.save({"weight": torch.ones(1000)}, file)
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(file)


@pytest.mark.parametrize(
    "content", [{}, [torch.ones(1)], {"epoch": 3}, {"weight": torch.ones(1), "epoch": 3}]
)
def test_a_file_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="holds no state_dict"):
        read_tensors(tmp_path / "other.pth")


@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}]
)
def test_the_usual_wrappings_are_unpacked(tmp_path, wrap):
    torch.save(wrap({"module.weight": torch.arange(3.0)}), tmp_path / "w.pt")
    assert read_tensors(tmp_path / "w.pt")["weight"].tolist() == [0, 1, 2]


def test_safetensors_are_read(tmp_path):
    save_file({"weight": torch.arange(3.0)}, tmp_path / "w.safetensors")
    assert read_tensors(tmp_path / "w.safetensors")["weight"].tolist() == [0, 1, 2]


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "abc") == expected
    check_sha256(tmp_path / "abc", expected, expected.upper()[:8], "its name")
    with pytest.raises(CheckpointError, match="its name says 00000000"):
        check_sha256(tmp_path / "abc", expected, "00000000", "its name")
    with pytest.raises(ConfigError, match="sha256"):
        check_sha256(tmp_path / "abc", expected, "ba78", "sha256")
    with pytest.raises(CheckpointError, match="nowhere"):
        sha256_of(tmp_path / "nowhere")


def test_a_model_is_filled_whole_or_not_at_all(tmp_path):
    model = nn.Linear(2, 3)
    before = model.weight.detach().clone()
    wrong = {"weight": torch.zeros(3, 2), "bais": torch.zeros(3)}
    with pytest.raises(CheckpointError, match=r"bias.*bais.*Try: another"):
        fill(model, wrong, tmp_path, lambda: "another")
    assert torch.equal(model.weight, before)
    assert mismatches(model, {"weight": torch.zeros(3, 1), "bias": torch.zeros(3)}) == (
        [],
        ["weight (3, 1) for (3, 2)"],
    )
    fill(model, {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}, tmp_path, lambda: "")
    assert model.weight.sum() == 6


def test_an_error_names_the_first_three_of_many(tmp_path):
    model = nn.Sequential(*(nn.Linear(1, 1) for _ in range(3)))
    with pytest.raises(CheckpointError, match=r"6 tensors are missing \(0.weight, 0.bias, 1.weight\)"):
        fill(model, {}, tmp_path, lambda: "")


def test_files_from_before_batch_norm_counted_still_fit():
    tensors = nn.BatchNorm1d(2).state_dict()
    del tensors["num_batches_tracked"]
    assert mismatches(nn.BatchNorm1d(2), tensors) == ([], [])
