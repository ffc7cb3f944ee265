from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tlx.checkpoint.durable import DurableCheckpointIO
from tlx.checkpoint.optimizer_state import remembered, take_up, taking_up
from tlx.errors import CheckpointError


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def adam(net: nn.Sequential, rate: float = 0.1) -> torch.optim.Adam:
    parts = {"low": net[0], "head": net[2]}
    groups = [{"params": list(part.parameters()), "name": f"{name}/decay"} for name, part in parts.items()]
    return torch.optim.Adam(groups, lr=rate)


def step(net: nn.Sequential, optimizer: torch.optim.Optimizer, draw: int) -> None:
    inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(draw))
    optimizer.zero_grad()
    net(inputs).square().sum().backward()
    optimizer.step()


def run_of(folder: Path, optimizer: torch.optim.Optimizer) -> Path:
    """A run directory whose newest checkpoint holds what the optimizer remembers."""
    (folder / "checkpoints").mkdir(parents=True)
    content: dict[str, Any] = {"optimizer_states": [optimizer.state_dict()]}
    DurableCheckpointIO().save_checkpoint(content, folder / "checkpoints" / "000000000001.ckpt")
    return folder


def weights(net: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in net.parameters()]


def test_a_step_after_it_is_the_step_that_would_have_come_next(tmp_path: Path) -> None:
    net = network()
    first = adam(net)
    for draw in range(3):
        step(net, first, draw)
    known = remembered(run_of(tmp_path, first))
    other = network()
    other.load_state_dict(net.state_dict())
    second = adam(other)
    take_up(second, known, {"low", "head"})
    step(net, first, 3)
    step(other, second, 3)
    assert all(map(torch.equal, weights(net), weights(other)))
    assert {float(state["step"]) for state in second.state.values()} == {4.0}


def test_parts_that_begin_anew_remember_nothing_and_rates_stay(tmp_path: Path) -> None:
    net = network()
    first = adam(net)
    step(net, first, 0)
    second = adam(network(), rate=0.5)
    take_up(second, remembered(run_of(tmp_path, first)), {"low"})
    low, head = second.param_groups
    assert all(weight in second.state for weight in low["params"])
    assert not any(weight in second.state for weight in head["params"])
    assert low["lr"] == head["lr"] == 0.5


def test_weights_that_never_trained_have_nothing_to_hand_on(tmp_path: Path) -> None:
    net = network()
    net[0].requires_grad_(False)
    first = adam(net)
    step(net, first, 0)
    second = adam(network())
    take_up(second, remembered(run_of(tmp_path, first)), {"low", "head"})
    assert len(second.state) == 2


def test_a_memory_of_other_shapes_is_refused(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    first = adam(net)
    step(net, first, 0)
    with pytest.raises(CheckpointError, match="memory of low/decay is of"):
        take_up(adam(network()), remembered(run_of(tmp_path, first)), {"low"})


def test_a_run_without_a_whole_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no checkpoint.*Try: init_optimizer=new"):
        remembered(tmp_path)
    run = run_of(tmp_path / "run", adam(network()))
    path = run / "checkpoints" / "000000000001.ckpt"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="000000000001.ckpt is damaged"):
        remembered(run)


def test_of_no_run_nothing_is_taken_up() -> None:
    assert taking_up(None, {"low"}, print) is None


def test_it_is_told_what_there_is_to_remember(tmp_path: Path) -> None:
    net, said = network(), list[str]()
    first = adam(net)
    net[2].requires_grad_(False)
    step(net, first, 0)
    run = run_of(tmp_path / "one", first)
    assert taking_up(run, {"low", "head"}, said.append) is not None
    assert taking_up(run, {"head"}, said.append) is not None
    kept, nothing = said
    assert kept.endswith("one remembers of low")
    assert nothing.startswith("init_optimizer=kept keeps nothing: ")
