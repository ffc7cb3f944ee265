"""Every family goes through stages, plan, freeze, cut and resume the same way."""

import shutil

import pytest
import torch
from rich.console import Console
from torch import nn
from torch.nn import functional
from torchvision import models

from tests.backbones.families import FAMILIES, PUBLISHED, SIDE, batch_of
from tests.backbones.family_jobs import family_job
from tests.faults.outcome import differences, outcome
from tlx.backbones.cut import Cut
from tlx.backbones.torchvision import torchvision
from tlx.heads.linear import Linear
from tlx.modules.network import Network
from tlx.plan import HEAD, split_part
from tlx.strategies.gradual_unfreezing import gradual_unfreezing
from tlx.training import fit

every_family = pytest.mark.parametrize("family", FAMILIES)
ONE_OF_EACH_KIND = ("tiny", "resnet18", "swin_t", "bert", "timm vit")
SOME_FAMILIES = [
    family if family in ONE_OF_EACH_KIND else pytest.param(family, marks=pytest.mark.slow)
    for family in FAMILIES
]


@pytest.fixture
def backbone(family, tmp_path):
    torch.manual_seed(0)
    return FAMILIES[family](tmp_path)


def network_of(backbone):
    return Network(backbone, Linear(backbone.out_features, 3)).train()


def values_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@every_family
def test_stages_divide_the_network_and_are_in_forward_order(backbone):
    held = [id(t) for stage in backbone.stages for t in backbone.stage_tensors(stage).values()]
    assert sorted(held) == sorted(map(id, [*backbone.net.parameters(), *backbone.net.buffers()]))
    called = []
    for depth, stage in enumerate(backbone.stages):
        for top in backbone.stage_modules(stage):
            for module in top.modules():
                if not list(module.children()):
                    module.register_forward_pre_hook(lambda *_, depth=depth: called.append(depth))
    features = backbone.eval()(batch_of(backbone))
    assert features.shape == (6, backbone.out_features)
    assert called == sorted(called)
    assert set(called) == set(range(len(backbone.stages)))


@every_family
def test_a_plan_over_the_stages_trains_just_what_it_names(backbone):
    network, stages = network_of(backbone), tuple(backbone.stages)
    plan = gradual_unfreezing(stages)
    assert len(plan.phases) == len(stages) + 1
    for number, phase in enumerate(plan.phases):
        network.freeze_except(phase.trains)
        training = {part for part, _, parameter in network.named_parts() if parameter.requires_grad}
        assert training == {HEAD, *stages[len(stages) - number :]} == {split_part(p)[0] for p in phase.trains}


@every_family
def test_frozen_stages_keep_every_bit_while_the_rest_moves(backbone):
    network, stages = network_of(backbone), list(backbone.stages)
    middle = len(stages) // 2
    network.freeze_except([*stages[middle:], HEAD])
    optimizer = torch.optim.AdamW(network.parameter_groups(), weight_decay=0.1)
    for group in optimizer.param_groups:
        group["lr"] = 1e-2
    before = values_of(network.backbone.net)
    for step in range(3):
        loss = functional.cross_entropy(network(batch_of(backbone, seed=step)), torch.arange(6) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = network.backbone.net.state_dict()
    for depth, stage in enumerate(stages):
        names = [name for name in backbone.stage_tensors(stage) if name in after]
        moved = [name for name in names if not torch.equal(before[name], after[name])]
        assert bool(moved) == (depth >= middle), (stage, moved[:3])


def trained_step(network, features):
    """Logits, gradients and the state of one training step."""
    torch.manual_seed(7)
    network.zero_grad(set_to_none=True)
    logits = network.head(features())
    functional.cross_entropy(logits, torch.arange(6) % 3).backward()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    return logits.detach(), gradients, values_of(network)


@every_family
def test_cut_at_any_frontier_a_training_step_is_that_of_the_whole_to_the_bit(backbone):
    network, stages, inputs = network_of(backbone), list(backbone.stages), batch_of(backbone)
    start = values_of(network)
    forwards = {name for name, module in network.named_modules() if "forward" in vars(module)}
    for frontier in range(len(stages) + 1):
        network.freeze_except([*stages[frontier:], HEAD])
        cut = Cut(backbone, frontier, batch_of(backbone, 2, seed=3))
        values = {name: value.contiguous() for name, value in cut.values(inputs).items()}
        assert same(network.state_dict(), start)
        assert all(len(value) == 6 and not value.requires_grad for value in values.values())
        kept = {name: value.clone() for name, value in values.items()}
        logits, gradients, state = trained_step(network, lambda cut=cut, v=values: cut.features(v))
        assert same(values, kept)
        network.load_state_dict(start)
        whole, wanted, ended = trained_step(network, lambda: backbone(inputs))
        network.load_state_dict(start)
        assert torch.equal(logits, whole), f"frontier {frontier}: {(logits - whole).abs().max()}"
        assert same(gradients, wanted)
        assert same(state, ended)
        assert any(name.startswith("backbone") for name in gradients) == (frontier < len(stages))
    assert {name for name, module in network.named_modules() if "forward" in vars(module)} == forwards


@pytest.mark.parametrize("family", SOME_FAMILIES)
def test_a_run_resumed_after_its_first_phase_ends_in_the_bits_of_the_whole(family, tmp_path, monkeypatch):
    monkeypatch.setattr("tlx.conclusion.write_page", lambda *_: [])  # a page costs more than the training
    quiet, phases = Console(quiet=True), []

    def optimizer(groups):
        if "name" in groups[0]:  # else the room on the disk is reckoned with one weight
            phases.append(len(phases))
        if (
            len(phases) == 2 and not (tmp_path / "left").exists()
        ):  # the first phase is over and saved, nothing of the second is done
            shutil.copytree(tmp_path / "whole", tmp_path / "left")
        return torch.optim.AdamW(groups)

    fit(family_job(family, tmp_path / "one", optimizer), tmp_path / "whole", quiet)
    assert phases == [0, 1]
    again = family_job(family, tmp_path / "one", optimizer)
    fit(again, tmp_path / "left", quiet)
    assert phases == [0, 1, 2]
    assert differences(outcome(tmp_path / "left"), outcome(tmp_path / "whole")) == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_original_logits_are_those_of_torchvisions_own_model(name):
    size = {"image_size": SIDE} if name.startswith("vit_") else {}
    torch.manual_seed(0)
    theirs = models.get_model(name, num_classes=3, **size).eval()
    torch.manual_seed(0)
    backbone = torchvision(name, image_size=SIDE, original_classes=3).eval()
    if name == "vit_b_32":  # torchvision starts a ViT's head at zeros
        nn.init.normal_(theirs.heads.head.weight)
        backbone.original_head.load_state_dict(theirs.heads.head.state_dict())
    pictures = batch_of(backbone, 2)
    with torch.no_grad():
        wanted = theirs(pictures)
        assert wanted.abs().max() > 0
        assert torch.equal(backbone.original_logits(pictures), wanted)
        frontier = len(backbone.stages) // 2
        cut = Cut(backbone.requires_grad_(False), frontier, pictures)
        assert torch.equal(cut.features(cut.values(pictures)), backbone(pictures))
