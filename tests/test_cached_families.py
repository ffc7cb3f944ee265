"""A run that reads the frozen part from the cache is the run that computes it each time, for every family."""

import csv

import pytest
import torch

from tests.backbones.families import FAMILIES
from tests.backbones.family_jobs import family_job
from tests.faults.outcome import differences, outcome
from tests.quiet import fit_quietly
from tlx.cache.settings import CacheSettings

CONVOLUTIONAL = {
    "densenet121",
    "efficientnet_b0",
    "mobilenet_v2",
    "regnet_y_400mf",
    "resnet18",
    "squeezenet1_1",
    "tiny",
    "timm efficientnet",
}
"""Families below whose frontiers there are convolutions alone, of which no other batch changes a bit."""


def values(folder):
    with (folder / "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_figures_are_those_of_a_run_without_a_cache(family, tmp_path, monkeypatch):
    monkeypatch.setattr("tlx.conclusion.write_page", lambda *_: [])  # a page costs more than the training
    torch.manual_seed(0)
    fit_quietly(family_job(family, tmp_path / "files", augment="none"), tmp_path / "whole")
    kept = CacheSettings(ram=0.1, disk=0.1, folder=str(tmp_path / "features"))
    torch.manual_seed(0)
    fit_quietly(family_job(family, tmp_path / "files", augment="none", cache=kept), tmp_path / "kept")
    log = (tmp_path / "kept" / "log.txt").read_text()
    assert "frozen part of train computed once" in log and "in every epoch" not in log
    if family in CONVOLUTIONAL:
        assert differences(outcome(tmp_path / "kept"), outcome(tmp_path / "whole")) == []
    for one, other in zip(values(tmp_path / "kept"), values(tmp_path / "whole"), strict=True):
        assert one == pytest.approx(other, abs=1e-5)
