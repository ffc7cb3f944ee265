"""Regularizers of a text encoder, whose inputs are named tensors of padded tokens."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.backbones.family_jobs import family_job, texts
from tests.faults.outcome import epochs
from tests.quiet import fit_quietly
from tlx.assembly import build_network, origin_of, plan_of
from tlx.backbones.known_heads import KnownHead
from tlx.cache.settings import CacheSettings
from tlx.data.datamodule import TransferData
from tlx.job import NOTHING_KEPT, Job
from tlx.origin.origin import Origin
from tlx.regularizers.ewc import EWC
from tlx.regularizers.kl import KL
from tlx.regularizers.l2sp import L2SP
from tlx.regularizers.lwf import LwF
from tlx.regularizers.replay import Replay
from tlx.trainer import World

ALL = (EWC, KL, L2SP, LwF, Replay)


def text_job(folder: Path, **more: Any) -> Job:
    torch.manual_seed(1)
    job = family_job("bert", folder, **more)
    head = KnownHead({"_target_": "tlx.heads.linear.Linear"}, ("dull", "fine", "good"))
    job.backbone.weights = "made up"
    job.backbone.know([head], [nn.Linear(16, 3)])
    job.source = TransferData(texts(folder), eval_batch_size=4)
    job.source.preprocessing = job.data.preprocessing = job.backbone.preprocessing
    job.source.classes_from = "all"
    return job


def naive_information(origin: Origin, names: list[str]) -> dict[str, Tensor]:
    """By one backward pass for each sample and class."""
    weights = dict(origin.network.named_parameters())
    found, count = {name: torch.zeros_like(weights[name]) for name in names}, 0
    origin.network.requires_grad_(True)
    for batch in origin.batches(None):
        assert isinstance(batch.inputs, dict)
        for row in range(len(batch.targets)):
            count += 1
            logs = origin.network({key: value[row : row + 1] for key, value in batch.inputs.items()})
            logs = logs[0].log_softmax(0)
            for log in logs:
                grads = torch.autograd.grad(log, [weights[n] for n in names], retain_graph=True)
                for name, grad in zip(names, grads, strict=True):
                    found[name] += log.exp().detach() * grad**2
    origin.network.requires_grad_(False)
    return {name: total / count for name, total in found.items()}


def test_the_information_is_that_of_a_loop_over_samples_and_classes(tmp_path: Path) -> None:
    job = text_job(tmp_path / "files")
    network = build_network(job)
    origin = origin_of(job, network, plan_of(job), tmp_path, World())
    assert origin is not None
    term = EWC(samples=None)
    term.begin(origin)
    names = [name for name, _, _ in origin.pairs if "pooler" not in name]
    assert len(names) > 20
    for name, value in naive_information(origin, names).items():
        assert torch.allclose(term._fisher[name], value, rtol=1e-4, atol=1e-9), name


@pytest.mark.parametrize("kept", [False, True])
def test_each_adds_its_term_to_a_run_on_texts(kept: bool, tmp_path: Path) -> None:
    cache = CacheSettings(ram=0.1, disk=0.1, folder=str(tmp_path / "features")) if kept else NOTHING_KEPT
    job = text_job(tmp_path / "files", cache=cache, regularizers=tuple(each() for each in ALL))
    summary = fit_quietly(job, tmp_path / "run")
    last = epochs(tmp_path / "run")[-1]
    assert all(float(last[f"train/{each.name}"]) > 0 for each in ALL)
    assert summary["source/samples"] == 6
