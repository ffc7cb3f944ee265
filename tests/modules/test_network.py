import pytest
import torch
from torch import nn

from tests.faults.jobs import small_backbone
from tlx.errors import ConfigError
from tlx.heads.linear import Linear
from tlx.modules.network import Network, is_norm
from tlx.plan import Norms


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network(small_backbone(), Linear(8, 3, dropout=0.5))


def train_steps(network: Network, steps: int = 3) -> None:
    network.train()
    optimizer = torch.optim.AdamW(network.parameter_groups(), lr=0.1, weight_decay=0.1)  # type: ignore[arg-type]
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(4, 1, 8, 8)).square().sum().backward()
        optimizer.step()


def test_frozen_parameters_and_buffers_are_bit_identical_after_training(network: Network) -> None:
    network.freeze_except(["block1", "head"])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    train_steps(network)
    moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not any("stem" in name or "block0" in name for name in moved)
    assert {
        "backbone.net.block1.norm.running_mean",
        "backbone.net.block1.conv.weight",
        "head.linear.weight",
    } <= moved


def test_a_frozen_prefix_computes_the_same_in_train_and_eval_mode_and_records_no_graph(
    network: Network,
) -> None:
    network.freeze_except(["head"])
    images = torch.randn(5, 1, 8, 8)
    trained = network.train().backbone(images)
    assert torch.equal(trained, network.eval().backbone(images))
    assert trained.grad_fn is None


def test_modes_are_asserted_anew_on_every_switch(network: Network) -> None:
    network.freeze_except(["block1"])
    for _ in range(2):
        network.eval()
        assert not any(module.training for module in network.modules())
        network.train()
        modules = dict(network.backbone.net.named_modules())
        assert modules["block1.norm"].training
        assert modules["block1.dropout"].training
        assert not modules["block0.norm"].training
        assert not modules["block0.dropout"].training
        assert not network.head.training


def test_norm_only_trains_just_the_norms_of_a_stage(network: Network) -> None:
    network.freeze_except(["block0:norm"])
    assert {name for name, _ in network.trainable()} == {
        "backbone.net.block0.norm.weight",
        "backbone.net.block0.norm.bias",
    }
    network.train()
    assert network.backbone.net.get_submodule("block0.norm").training
    assert not network.backbone.net.get_submodule("block0.dropout").training


def moved_by_training(network: Network) -> set[str]:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    train_steps(network)
    return {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}


AFFINE = {f"backbone.net.block1.norm.{name}" for name in ("weight", "bias")}
STATISTICS = {
    f"backbone.net.block1.norm.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
}
OTHERS = {"backbone.net.block1.conv.weight", "head.linear.weight", "head.linear.bias"}
BEFORE_A_NORM = {"backbone.net.block1.conv.bias"}  # BatchNorm takes it away: its gradient is rounding


@pytest.mark.parametrize(
    ("norms", "moving"),
    [
        ("train", AFFINE | STATISTICS),
        ("affine", STATISTICS),
        ("statistics", AFFINE),
        ("all", set()),
    ],
)
def test_norms_of_a_stage_that_trains_move_as_far_as_they_are_let(
    network: Network, norms: Norms, moving: set[str]
) -> None:
    """What must not move does not, to the bit; all else of the stage does."""
    network.freeze_except(["block1", "head"], norms)
    moved = moved_by_training(network)
    assert moved - BEFORE_A_NORM == OTHERS | moving


def test_norms_kept_in_evaluation_stay_so_on_every_switch_and_dropout_beside_them_acts(
    network: Network,
) -> None:
    network.freeze_except(["block1", "head"], "statistics")
    modules = dict(network.backbone.net.named_modules())
    for _ in range(2):
        network.eval()
        network.train()
        assert not modules["block1.norm"].training
        assert modules["block1.dropout"].training
    network.freeze_except(["block1", "head"])
    assert modules["block1.norm"].training


def test_norms_of_the_head_are_not_the_backbones() -> None:
    network = Network(small_backbone(), nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 3)))
    network.freeze_except(["head"], "all")
    assert {"head.0.weight", "head.0.running_mean"} <= moved_by_training(network)


def test_norms_can_train_while_their_statistics_stay(network: Network) -> None:
    network.freeze_except(["block1:norm"], "statistics")
    assert moved_by_training(network) == AFFINE


@pytest.mark.parametrize("norms", ["affine", "all"])
def test_norms_that_shall_train_cannot_be_frozen_at_once(network: Network, norms: Norms) -> None:
    before = network.parts
    with pytest.raises(ConfigError, match="block1:norm"):
        network.freeze_except(["block1:norm", "head"], norms)
    assert network.parts == before


def test_norms_alone_are_refused_where_a_backbone_has_none() -> None:
    backbone = small_backbone()
    for block in (backbone.net[0], backbone.net[1], backbone.net[2]):
        name = "1" if isinstance(block, nn.Sequential) else "norm"
        block.register_module(name, nn.Identity())
    with pytest.raises(ConfigError, match=r"norms of stem, block0, block1 shall train.*none with weights"):
        Network(backbone, Linear(8, 3)).freeze_except([f"{stage}:norm" for stage in backbone.stages])


def test_freezing_is_idempotent_and_reversible(network: Network) -> None:
    everything = {name for name, _ in network.trainable()}
    network.freeze_except(["head"])
    network.freeze_except(["head"])
    assert {n for n, p in network.named_parameters() if p.requires_grad} == {
        "head.linear.weight",
        "head.linear.bias",
    }
    network.freeze_except([*network.backbone.stages, "head"])
    assert {n for n, p in network.named_parameters() if p.requires_grad} == everything


def test_groups_hold_every_parameter_once_whatever_is_frozen(network: Network) -> None:
    whole = network.parameter_groups()
    network.freeze_except(["head"])
    assert [group["name"] for group in network.parameter_groups()] == [group["name"] for group in whole]
    held = [id(p) for group in whole for p in group["params"]]  # type: ignore[attr-defined]
    assert sorted(held) == sorted(id(p) for p in network.parameters())


def test_two_equal_norms_are_two_parameters() -> None:
    """Lightning's filter compares by value and loses the second of two fresh norms."""
    network = Network(small_backbone(), nn.Sequential(nn.LayerNorm(8), nn.LayerNorm(8), nn.Linear(8, 3)))
    held = [id(p) for group in network.parameter_groups() for p in group["params"]]  # type: ignore[attr-defined]
    assert len(set(held)) == len(list(network.parameters()))


def test_norms_and_biases_are_not_decayed(network: Network) -> None:
    for group in network.parameter_groups():
        matrices = [p.ndim > 1 for p in group["params"]]  # type: ignore[attr-defined]
        assert all(matrices) if "weight_decay" not in group else not any(matrices)


def test_an_unknown_part_is_named(network: Network) -> None:
    with pytest.raises(ConfigError, match=r"'block9'.*Known: block0"):
        network.freeze_except(["block9"])


class NormWithActivation(nn.BatchNorm2d):
    """As timm's: a norm that holds its activation."""

    def __init__(self) -> None:
        super().__init__(1)
        self.act = nn.ReLU()


class Whitening(nn.BatchNorm2d):
    """A norm that is not called one."""


class ConvNormAct(nn.Sequential):
    """As torchvision's: called a norm, and mostly something else."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))


def test_what_counts_as_a_norm() -> None:
    assert is_norm(NormWithActivation())
    assert is_norm(Whitening(1))
    assert not is_norm(ConvNormAct())
    assert all(map(is_norm, (nn.BatchNorm2d(1), nn.LayerNorm(1), nn.GroupNorm(1, 1), nn.RMSNorm(1))))
    assert not is_norm(nn.Linear(1, 1))
    assert not is_norm(nn.Sequential(nn.BatchNorm2d(1)))
