from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.plan import HEAD
from tlx.strategies.gradual_unfreezing import gradual_unfreezing


def test_stages_thaw_one_by_one_from_the_top() -> None:
    plan = gradual_unfreezing(
        ["a", "b", "c"], head_epochs=5, epochs_per_phase=2, head_rate=1e-2, backbone_rate=1e-3
    )
    assert [sorted(phase.trains) for phase in plan.phases] == [
        [HEAD],
        ["c", HEAD],
        ["b", "c", HEAD],
        ["a", "b", "c", HEAD],
    ]
    assert [phase.epochs for phase in plan.phases] == [5, 2, 2, 2]
    assert [phase.name for phase in plan.phases] == ["head", "+ c", "+ b", "+ a"]
    assert plan.phases[1].trains == {"c": 1e-3, HEAD: 1e-2}


@given(st.integers(1, 12), st.integers(1, 14))
def test_each_phase_trains_more_than_the_last_until_everything_does(count: int, per_phase: int) -> None:
    stages = [f"s{n}" for n in range(count)]
    plan = gradual_unfreezing(stages, stages_per_phase=per_phase)
    frontiers = [plan.frontier([None] * n) for n in range(len(plan.phases))]  # type: ignore[list-item]
    steps = [low - high for low, high in pairwise(frontiers)]
    assert frontiers[0] == count
    assert frontiers[-1] == 0
    assert all(step == per_phase for step in steps[:-1])
    assert 1 <= steps[-1] <= per_phase


def test_a_plateau_phase_warms_up_and_then_holds_its_rate() -> None:
    plateau = gradual_unfreezing(["a"], until_plateau=True, patience=4)
    assert [(p.patience, p.schedule) for p in plateau.phases] == [(4, "constant")] * 2
    fixed = gradual_unfreezing(["a"])
    assert [(p.patience, p.schedule) for p in fixed.phases] == [(None, "cosine")] * 2
    told = gradual_unfreezing(["a"], until_plateau=True, schedule="one_cycle", warmup=0.4)
    assert [(p.schedule, p.warmup) for p in told.phases] == [("one_cycle", 0.4)] * 2


def test_it_refuses_no_stage_per_phase() -> None:
    with pytest.raises(ConfigError, match="stages_per_phase=0"):
        gradual_unfreezing(["a"], stages_per_phase=0)
