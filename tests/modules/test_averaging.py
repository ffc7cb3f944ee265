from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.faults.jobs import BY_EPOCHS, small_backbone, small_job
from tlx.checkpoint.durable import newest, read
from tlx.errors import ConfigError
from tlx.heads.linear import Linear
from tlx.modules.averaging import WeightAveraging
from tlx.modules.network import Network
from tlx.training import fit


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    net = Network(small_backbone(), Linear(8, 3))
    net.freeze_except(["block1", "head"])
    return net


def begun(network: Network, decay: float = 0.9, phase: int = 0) -> tuple[WeightAveraging, SimpleNamespace]:
    averaging, trainer = WeightAveraging(network, decay, lambda: phase), SimpleNamespace(global_step=0)
    averaging.on_train_start(trainer, network)  # type: ignore[arg-type]
    return averaging, trainer


def step(averaging: WeightAveraging, trainer: SimpleNamespace, network: Network, value: float) -> None:
    with torch.no_grad():
        network.head.linear.bias.fill_(value)
    trainer.global_step += 1
    averaging.on_train_batch_end(trainer, network, None, None, 0)  # type: ignore[arg-type]


def test_the_average_by_hand(network: Network) -> None:
    """From 0, decays 1/10 and 2/11: after 1 it is 0.9, after 3 it is 0.9 * 2/11 + 3 * 9/11."""
    averaging, trainer = begun(network)
    step(averaging, trainer, network, 1.0)
    step(averaging, trainer, network, 3.0)
    expected = torch.full((3,), 0.9 * 2 / 11 + 3 * 9 / 11)
    torch.testing.assert_close(averaging.averages["head.linear.bias"], expected)


def test_the_decay_is_bounded(network: Network) -> None:
    averaging, trainer = begun(network, decay=0.05)
    step(averaging, trainer, network, 1.0)
    torch.testing.assert_close(averaging.averages["head.linear.bias"], torch.full((3,), 0.95))


def test_a_batch_without_an_optimizer_step_changes_nothing(network: Network) -> None:
    averaging, trainer = begun(network)
    with torch.no_grad():
        network.head.linear.bias.fill_(1.0)
    averaging.on_train_batch_end(trainer, network, None, None, 0)  # type: ignore[arg-type]
    assert averaging.averages["head.linear.bias"].tolist() == [0.0, 0.0, 0.0]


def test_only_what_trains_is_averaged_and_swapped(network: Network) -> None:
    averaging, trainer = begun(network)
    step(averaging, trainer, network, 1.0)
    live = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with averaging.applied():
        changed = {n for n, t in network.state_dict().items() if not torch.equal(t, live[n])}
    assert changed == {"head.linear.bias"}
    assert all(torch.equal(t, live[n]) for n, t in network.state_dict().items())
    assert not any(
        name.startswith(("backbone.net.stem", "backbone.net.block0")) for name in averaging.averages
    )


def test_the_state_of_an_open_phase_comes_back_and_that_of_another_does_not(network: Network) -> None:
    averaging, trainer = begun(network)
    step(averaging, trainer, network, 1.0)
    state = averaging.state_dict()
    for phase, expected in ((0, averaging.averages["head.linear.bias"]), (1, network.head.linear.bias)):
        other = WeightAveraging(network, 0.9, lambda phase=phase: phase)
        other.load_state_dict(state)
        other.on_train_start(trainer, network)  # type: ignore[arg-type]
        assert torch.equal(other.averages["head.linear.bias"], expected)
        assert other.updates == (1 if phase == 0 else 0)


def test_a_run_measures_and_keeps_the_average(tmp_path: Path) -> None:
    """With a decay near 1 and its ramp, the average lies between the start and the live weights."""
    fit(small_job(strategy=BY_EPOCHS, ema=0.99), tmp_path / "averaged")
    path = newest(tmp_path / "averaged" / "checkpoints")
    assert path is not None
    state = read(path)
    entry = state["callbacks"]["Finetuning"]["best"]["run"]
    kept = torch.load(path, weights_only=True)["callbacks"]["WeightAveraging"]["averages"]
    assert {name.split(".")[0] for name in kept} == {"backbone", "head"}
    from safetensors.torch import load_file

    best = load_file(tmp_path / "averaged" / "checkpoints" / entry["file"])
    bundle = load_file(tmp_path / "averaged" / "bundle" / "model.safetensors")
    assert all(torch.equal(best[name], bundle[name]) for name in best)
    live = {n.removeprefix("net."): t for n, t in state["state_dict"].items() if n.startswith("net.")}
    assert any(not torch.equal(best[name], live[name]) for name in kept)


@pytest.mark.parametrize("decay", [0.0, 1.0, -3.0])
def test_a_decay_out_of_range_is_refused(network: Network, decay: float) -> None:
    with pytest.raises(ConfigError, match="ema"):
        WeightAveraging(network, decay, lambda: 0)
