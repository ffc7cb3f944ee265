import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.plan import Phase, Plan
from tlx.plan_rates import scaled

STAGES = ("stem", "layer1", "layer2")
PLAN = Plan(
    STAGES,
    (
        Phase("head", {"head": 1e-2}, 1),
        Phase("all", {"stem": 1e-5, "layer1": 1e-4, "layer2:norm": 1e-3, "head": 1e-2}, 2),
    ),
)


@given(st.floats(1e-3, 1e3))
def test_one_factor_keeps_every_ratio(factor: float) -> None:
    for before, after in zip(PLAN.phases, scaled(PLAN, factor, {}).phases, strict=True):
        assert list(after.trains) == list(before.trains)
        for part, rate in before.trains.items():
            assert after.trains[part] == pytest.approx(rate * factor)


def test_a_stage_varies_alone_with_its_norms_and_0_freezes_it() -> None:
    phase = scaled(PLAN, 1.0, {"layer2": 5.0, "stem": 0.0}).phases[1]
    assert dict(phase.trains) == {"layer1": 1e-4, "layer2:norm": 5e-3, "head": 1e-2}


def test_without_factors_the_plan_is_the_same_object() -> None:
    assert scaled(PLAN, 1.0, {}) is PLAN


def test_a_phase_that_would_train_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="freezes head, and phase 'head' trains nothing else"):
        scaled(PLAN, 1.0, {"head": 0.0})


def test_a_stage_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"layer3.*Known: head, layer1, layer2, stem"):
        scaled(PLAN, 1.0, {"layer3": 1.0})
