from pathlib import Path

import pytest
import torch

from tests.faults.jobs import small_job
from tests.quiet import fit_quietly
from tlx.assembly import build_network
from tlx.backbones.torchvision import torchvision
from tlx.checkpoint.durable import checkpoints, read
from tlx.errors import ConfigError
from tlx.heads.linear import Linear
from tlx.modules.network import Network
from tlx.plan import HEAD
from tlx.strategies.norm_only import norm_only


def test_the_norms_of_every_stage_and_the_head_train() -> None:
    plan = norm_only(["a", "b"], head_rate=1e-2, norm_rate=1e-3, epochs=4, patience=2)
    (phase,) = plan.phases
    assert phase.trains == {"a:norm": 1e-3, "b:norm": 1e-3, HEAD: 1e-2}
    assert (phase.epochs, phase.patience) == (4, 2)
    assert plan.frontier([]) == 0


def test_all_else_is_bit_identical_after_a_run(tmp_path: Path) -> None:
    before = build_network(small_job()).state_dict()
    fit_quietly(small_job(strategy=norm_only, limit_epochs=1), tmp_path)
    state = read(checkpoints(tmp_path / "checkpoints")[-1])["state_dict"]
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, state[f"net.{name}"])}
    norms = {
        f"backbone.net.{norm}.{name}"
        for norm in ("stem.1", "block0.norm", "block1.norm")
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    assert moved == norms | {"head.linear.weight", "head.linear.bias"}


def test_less_than_a_hundredth_of_a_resnet_moves() -> None:
    network = Network(torchvision("resnet18"), Linear(512, 2))
    network.freeze_except(norm_only(list(network.backbone.stages)).phases[0].trains)
    numbers = sum(p.numel() for name, p in network.trainable() if not name.startswith("head"))
    assert numbers == 9600  # two vectors for each of ResNet-18's 4800 channels that BatchNorm sees
    assert numbers < 0.01 * sum(p.numel() for p in network.parameters())


def test_a_network_without_norms_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    job = small_job(strategy=norm_only)
    for block in (job.backbone.net[0], job.backbone.net[1], job.backbone.net[2]):
        block.register_module("1" if isinstance(block, torch.nn.Sequential) else "norm", torch.nn.Identity())
    with pytest.raises(ConfigError, match="there is none with weights"):
        fit_quietly(job, tmp_path)
    assert not (tmp_path / "plan.json").exists()
