"""What every choice of strategy keeps to: over any stages, and through a stop in the midst of an epoch."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.jobs import MadeUp, small_job
from tests.faults.outcome import differences, outcome
from tests.faults.processes import run_process
from tests.quiet import fit_quietly
from tlx.assembly import build_network
from tlx.composition.compose import compose
from tlx.composition.groups import choices
from tlx.plan import HEAD, Plan, split_part
from tlx.recipe import build

NAMES = choices("strategy")
ONE_PHASE = ("discriminative", "full", "norm_only", "partial", "surgical")
KILLED_BY_DEFAULT = [
    pytest.param(name, marks=pytest.mark.slow) if name in ONE_PHASE else name for name in NAMES
]
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=8).filter(lambda w: w != HEAD)
STAGES = st.lists(WORDS, min_size=1, max_size=30, unique=True)
FALLING = set(NAMES) - {"surgical"}
"""Strategies in which no part moves faster than one above it; surgical freezes what lies above."""
SMALL, BATCHES = MadeUp(train=24, val=12, test=9), 3


@functools.cache
def strategy(name: str) -> Callable[..., Plan]:
    """A choice of conf/strategy at its defaults."""
    made: Callable[..., Plan] = build(compose("fit", [f"strategy={name}"]).config["strategy"], partial=True)
    return made


def plan_of(name: str, stages: list[str], counts: tuple[int, ...] = (120, 3000)) -> Plan:
    asked = inspect.signature(strategy(name)).parameters
    return strategy(name)(tuple(stages), **({"counts": counts} if "counts" in asked else {}))


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=50)
@given(stages=STAGES, counts=st.lists(st.integers(0, 20_000), min_size=1).map(tuple))
def test_every_phase_trains_the_head_and_names_only_stages_there_are(
    name: str, stages: list[str], counts: tuple[int, ...]
) -> None:
    plan = plan_of(name, stages, counts)
    assert plan.stages == tuple(stages)
    for phase in plan.phases:
        assert HEAD in phase.trains
        assert {split_part(part)[0] for part in phase.trains} <= {*stages, HEAD}
        assert all(0 < rate <= 0.1 for rate in phase.trains.values())
    assert Plan.from_dict(plan.to_dict()) == plan


@pytest.mark.parametrize("name", sorted(FALLING))
@settings(deadline=None, max_examples=50)
@given(stages=STAGES, counts=st.lists(st.integers(0, 20_000), min_size=1).map(tuple))
def test_rates_do_not_rise_from_the_head_down_and_what_is_frozen_is_a_prefix(
    name: str, stages: list[str], counts: tuple[int, ...]
) -> None:
    plan = plan_of(name, stages, counts)
    for number, phase in enumerate(plan.phases):
        by_stage = {split_part(part)[0]: rate for part, rate in phase.trains.items()}
        moving = [stage for stage in (*stages, HEAD) if stage in by_stage]
        assert moving == [*stages, HEAD][plan.frontier([None] * number) :]  # type: ignore[list-item]
        assert all(by_stage[low] <= by_stage[high] for low, high in pairwise(moving))


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=50)
@given(stages=STAGES)
def test_a_later_phase_lets_go_on_what_an_earlier_one_began(name: str, stages: list[str]) -> None:
    plan = plan_of(name, stages)
    assert all(set(one.trains) <= set(other.trains) for one, other in pairwise(plan.phases))


class Stopping(torch.optim.AdamW):
    """Fails at its `at`-th step of the process, as a full memory would."""

    def __init__(self, params: Any, at: list[int], **more: Any) -> None:
        super().__init__(params, **more)
        self.at = at

    def step(self, closure: Any = None) -> Any:
        self.at[0] -= "name" in self.param_groups[0]  # not the weight that room on the disk is reckoned with
        if not self.at[0]:
            raise MemoryError("stopped")
        return super().step(closure)


def stopped_and_resumed(folder: Path, at: int, job: Callable[[], Any]) -> dict[str, Any]:
    stopping = job()
    stopping.optimizer = functools.partial(Stopping, at=[at], weight_decay=0.01)
    with pytest.raises(MemoryError, match="stopped"):
        fit_quietly(stopping, folder)
    assert not (folder / "summary.json").exists()
    fit_quietly(job(), folder)
    return outcome(folder)


@pytest.mark.parametrize("name", KILLED_BY_DEFAULT)
def test_a_run_that_is_killed_in_its_last_phase_and_resumed_ends_in_the_same_bits(
    name: str, tmp_path: Path
) -> None:
    small: dict[str, Any] = {"strategy": strategy(name), "source": SMALL, "limit_epochs": 1}
    small["checkpoint_steps"] = 1
    assert run_process(tmp_path / "whole", **small) == [0]
    batches = BATCHES * len(plan_of(name, list(small_job().backbone.stages), (8,)).phases)
    assert run_process(tmp_path / "killed", kill=("on_train_batch_end", batches - 1), **small) == [-9]
    assert run_process(tmp_path / "killed", **small) == [0]
    resumed = outcome(tmp_path / "killed")
    assert differences(resumed, outcome(tmp_path / "whole")) == []
    before, after = build_network(small_job()).state_dict(), resumed["state"]
    assert after["net.head.linear.weight"][2] != before["head.linear.weight"].numpy().tobytes()


def test_frozen_norms_stay_frozen_through_a_stop_and_all_else_moves(tmp_path: Path) -> None:
    def job() -> Any:
        whole = small_job(strategy=strategy("lp_ft"), source=SMALL, limit_epochs=1, checkpoint_steps=1)
        return replace(whole, norms="all")

    fit_quietly(job(), tmp_path / "whole")
    resumed = stopped_and_resumed(tmp_path / "stopped", 2 * BATCHES, job)
    assert differences(resumed, outcome(tmp_path / "whole")) == []
    for name, tensor in build_network(job()).state_dict().items():
        same = resumed["state"][f"net.{name}"][2] == tensor.numpy().tobytes()
        assert same == ("norm" in name or "stem.1" in name), name
