from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.origin.known import SOURCE, known_job, origin_on
from tests.regularizers.steps import started, step_of
from tlx.errors import CheckpointError, ConfigError
from tlx.regularizers.replay import Replay
from tlx.trainer import World


def test_it_is_the_loss_of_a_draw_from_the_buffer(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path)
    term = Replay(strength=2.0, samples=1, ratio=0.5)
    term.begin(origin)
    started(term)
    (held,) = term.state_dict()["buffer"].tolist()
    kept = origin.recall(np.array([held]))
    network.eval()
    logits = origin.network(kept.take(torch.tensor([0]), torch.device("cpu")))
    expected = 2.0 * functional.cross_entropy(logits, kept.targets)
    torch.testing.assert_close(term.loss_term(network, step_of(network)), expected)


@pytest.mark.parametrize("selection", ["reservoir", "balanced"])
def test_the_buffer_has_its_size_and_depends_on_the_seed_alone(selection: str, tmp_path: Path) -> None:
    buffers = []
    for _ in range(2):
        term = Replay(samples=9, selection=selection)
        origin, _ = origin_on(tmp_path)
        term.begin(origin)
        buffers.append(term.state_dict()["buffer"])
    assert torch.equal(*buffers)
    assert len(buffers[0]) == 9 and buffers[0].max() < SOURCE
    if selection == "balanced":
        assert origin.source is not None
        labels = origin.labels(origin.source.splits.train)[buffers[0].numpy()]
        assert np.bincount(labels).tolist() == [3, 3, 3]


def test_each_rank_draws_its_own_share_of_a_step_from_one_buffer(tmp_path: Path) -> None:
    """`ratio` for each sample of the whole batch, every draw as likely as any, on all ranks together."""
    drawn: list[list[torch.Tensor]] = []
    for rank in (0, 1):
        origin, network = origin_on(tmp_path)
        origin.world = World(rank, 2)
        term = Replay(samples=SOURCE, ratio=2.0)
        term.begin(origin)
        taken, take = list[torch.Tensor](), term._buffer.take
        # mypy allows neither a lambda in the place of a method nor defaults it cannot infer
        term._buffer.take = lambda ids, device, taken=taken, take=take: taken.append(ids) or take(ids, device)  # type: ignore[method-assign,misc]
        for batch in range(50):
            origin.position = lambda batch=batch: batch  # type: ignore[misc]  # mypy cannot infer the default
            term.loss_term(network, step_of(network))
        drawn.append(taken)
    assert {len(ids) for own in drawn for ids in own} == {12}  # twice a share of six samples
    assert not any(torch.equal(*both) for both in zip(*drawn, strict=True))
    together = torch.bincount(torch.cat([ids for own in drawn for ids in own]), minlength=SOURCE)
    assert together.sum() == 50 * 24
    expected = 50 * 24 / SOURCE
    assert (
        float(((together - expected) ** 2 / expected).sum()) < 2 * SOURCE
    )  # chi square, of 39 degrees: p < 1e-4


def test_another_buffer_than_the_run_began_with_is_refused(tmp_path: Path) -> None:
    term = Replay(samples=9)
    term.begin(origin_on(tmp_path)[0])
    state = term.state_dict()
    term.load_state_dict(state)
    with pytest.raises(CheckpointError, match="holds other samples"):
        term.load_state_dict(state | {"buffer": torch.arange(9)})


def test_without_a_source_there_is_nothing_to_replay(tmp_path: Path) -> None:
    origin, _ = origin_on(tmp_path, known_job(knows=0))
    with pytest.raises(ConfigError, match="there is no source. Try: data@source=folder"):
        Replay().check(origin)


def test_while_only_the_head_trains_nothing_is_replayed(tmp_path: Path) -> None:
    origin, network = origin_on(tmp_path, trains=("head",))
    term = Replay(samples=4)
    term.begin(origin)
    assert term.loss_term(network, step_of(network, original=False)).item() == 0.0


@pytest.mark.parametrize(
    "setting", [{"strength": -1.0}, {"samples": 0}, {"selection": "last"}, {"ratio": 1e9}]
)
def test_values_out_of_their_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"regularizer.replay.{next(iter(setting))}"):
        Replay(**setting)
