import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.faults.jobs import MadeUp, small_job
from tests.faults.outcome import differences, outcome
from tests.quiet import fit_quietly
from tlx.arithmetic import NAME, Comparison, compared, settled, used_by
from tlx.assembly import build_network
from tlx.cache.settings import CacheSettings
from tlx.errors import CheckpointError
from tlx.tasks.multilabel import Multilabel
from tlx.tasks.regression import Regression
from tlx.trainer import World


def job_of(precision="bf16-mixed", memory_format="channels_last", weights="a file", **more):
    job = small_job(precision=precision, memory_format=memory_format, augment="none", **more)
    job.data.preprocessing = job.backbone.preprocessing
    torch.manual_seed(0)
    network = build_network(job)
    job.backbone.weights = weights
    return job, network


def settle(job, network, folder):
    said = []
    return settled(job.trainer, network, job.data, folder, World(), said.append), said


def coarse(network):
    """A network that half precision cannot follow: small differences between great values."""
    with torch.no_grad():
        network.backbone.net.stem[1].bias.add_(3000.0)


def test_what_agrees_is_used_and_said(tmp_path):
    job, network = job_of()
    settings, said = settle(job, network, tmp_path)
    assert settings == job.trainer
    assert said[0].startswith(
        "trainer.precision=bf16-mixed trainer.memory_format=channels_last is used: features differ by"
    )
    assert network.backbone.net.block0.conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_what_does_not_agree_falls_back_to_plain_arithmetic_with_a_message(tmp_path):
    job, network = job_of()
    coarse(network)
    settings, said = settle(job, network, tmp_path)
    assert (settings.precision, settings.memory_format) == ("32-true", "contiguous")
    assert "is not used, for features differ by" in said[0]
    assert network.backbone.net.block0.conv.weight.is_contiguous()


def test_what_a_run_fell_back_to_is_what_it_is_tested_by(tmp_path):
    job, network = job_of()
    assert used_by(tmp_path, job.trainer) == job.trainer
    coarse(network)
    settings, _ = settle(job, network, tmp_path)
    assert used_by(tmp_path, job.trainer) == settings != job.trainer
    other = replace(job.trainer, memory_format="contiguous")
    assert used_by(tmp_path, other) == other


def test_plain_arithmetic_and_random_weights_are_not_compared(tmp_path):
    for more in ({"precision": "32-true", "memory_format": "contiguous"}, {"weights": "random"}):
        job, network = job_of(**more)
        assert settle(job, network, tmp_path) == (job.trainer, [])
    assert not (tmp_path / NAME).exists()


def test_a_run_goes_on_as_it_began(tmp_path):
    job, network = job_of()
    settle(job, network, tmp_path)
    coarse(network)
    assert settle(job, network, tmp_path)[0] == job.trainer
    other = replace(job.trainer, memory_format="contiguous")
    job.trainer = other
    assert settle(job, network, tmp_path)[0].precision == "32-true"
    (tmp_path / NAME).write_text("{}")
    with pytest.raises(CheckpointError, match=NAME):
        settle(job, network, tmp_path)


@pytest.mark.parametrize("task", [Multilabel(), Regression()], ids=lambda t: t.name)
def test_other_tasks_are_compared_by_their_own_head(task):
    job, network = job_of(task=task)
    found = compared(job.trainer, network, job.data, torch.device("cpu"))
    assert found.agrees and 0 < found.difference < 0.05


def test_channels_last_alone_changes_no_more_than_the_last_bits():
    job, network = job_of(precision="32-true")
    found = compared(job.trainer, network, job.data, torch.device("cpu"))
    assert found.difference < 1e-5 and found.plain == found.faster
    assert network.backbone.net.block0.conv.weight.is_contiguous()


@pytest.mark.parametrize(
    ("found", "agrees"),
    [
        ((0.01, 0.9, 0.9), True),
        ((0.11, 0.9, 0.9), False),
        ((0.01, 0.9, 0.84), False),
        ((0.01, 0.8, 0.9), True),
    ],
)
def test_both_features_and_accuracy_decide(found, agrees):
    assert Comparison(*found).agrees == agrees


def test_a_cached_run_in_faster_arithmetic_is_the_run_without_a_cache(tmp_path: Path):
    source = MadeUp(train=24, val=12, test=9)
    for name, cache in (
        ("whole", {}),
        ("kept", {"cache": CacheSettings(0.1, 0.1, str(tmp_path / "features"))}),
    ):
        torch.manual_seed(0)
        job, _ = job_of(source=source, limit_epochs=1, **cache)
        fit_quietly(job, tmp_path / name)
    assert differences(outcome(tmp_path / "kept"), outcome(tmp_path / "whole")) == []
    assert json.loads((tmp_path / "kept" / NAME).read_text())["asked"]["memory_format"] == "channels_last"
    assert "computed once" in (tmp_path / "kept" / "log.txt").read_text()
