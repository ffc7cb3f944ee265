import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.plan import HEAD, Phase, PhaseEnd, Plan, best_index, ended_by, rate_factor, split_part

STAGES = ("stem", "layer1", "layer2")
SCHEDULES = st.sampled_from(["constant", "cosine", "one_cycle"])


def phases() -> st.SearchStrategy[Phase]:
    trains = st.dictionaries(
        st.sampled_from([*STAGES, HEAD, "layer2:norm"]), st.floats(1e-6, 1.0), min_size=1
    ).filter(lambda trains: not {"layer2", "layer2:norm"} <= set(trains))
    return st.builds(
        Phase,
        name=st.text(min_size=1, max_size=5),
        trains=trains,
        epochs=st.integers(1, 9),
        patience=st.none() | st.integers(1, 4),
        schedule=SCHEDULES,
        warmup=st.floats(0, 0.9),
        reinitialise=st.just(()),
    )


def end(epoch: int, step: int) -> PhaseEnd:
    return PhaseEnd(epoch, step, epoch, 0.5, "", plateau=False)


@given(st.lists(phases(), min_size=1, max_size=4))
def test_a_plan_survives_being_written_down(some: list[Phase]) -> None:
    plan = Plan(STAGES, tuple(some), note="auto: 12 samples", norms="statistics")
    assert Plan.from_dict(plan.to_dict()) == plan


def test_a_plan_written_before_there_were_notes_still_loads() -> None:
    phase = Phase("", {HEAD: 1.0}, 2)
    plain = Plan(STAGES, (phase,)).to_dict()
    del plain["note"], plain["norms"]
    assert Plan.from_dict(plain) == Plan(STAGES, (phase,), note="", norms="train")


@given(SCHEDULES, st.integers(1, 400), st.floats(0, 0.9), st.integers(0, 500))
def test_a_rate_factor_lies_between_0_and_1(schedule: str, steps: int, warmup: float, step: int) -> None:
    assert 0 <= rate_factor(schedule, step, steps, warmup) <= 1  # type: ignore[arg-type]


@given(SCHEDULES, st.integers(2, 300), st.floats(0, 0.9))
def test_rates_rise_during_the_warm_up_and_never_after(schedule: str, steps: int, warmup: float) -> None:
    factors = [rate_factor(schedule, t, steps, warmup) for t in range(steps + 1)]  # type: ignore[arg-type]
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)


def test_one_cycle_starts_at_a_25th_peaks_after_the_warm_up_and_ends_at_a_10000th() -> None:
    factors = [rate_factor("one_cycle", t, 100, 0.3) for t in (0, 30, 100)]
    assert factors == pytest.approx([1 / 25, 1.0, 1e-4])


def test_cosine_with_warm_up_by_hand() -> None:
    values = [rate_factor("cosine", t, 10, 0.2) for t in (0, 1, 2, 6, 10)]
    assert values == pytest.approx([1 / 3, 2 / 3, 1.0, 0.5, 0.0])


def test_every_phase_starts_its_schedule_anew() -> None:
    phase = Phase("all", {"stem": 0.1, HEAD: 1.0}, epochs=2)
    plan = Plan(STAGES, (phase, phase))
    assert plan.rates([], 0, 5) == {"stem": 0.1, HEAD: 1.0}
    assert plan.rates([end(2, 10)], 10, 5) == {"stem": 0.1, HEAD: 1.0}
    assert plan.rates([end(2, 10)], 15, 5)[HEAD] == pytest.approx(0.5)


@given(st.lists(phases(), min_size=1, max_size=3), st.integers(0, 2), st.integers(0, 40))
def test_rates_cover_just_what_trains(some: list[Phase], over: int, step: int) -> None:
    plan = Plan(STAGES, tuple(some))
    ends = [end(1, 0)] * min(over, len(some) - 1)
    assert plan.rates(ends, step, 5).keys() == plan.phase(ends).trains.keys()


def test_the_frontier_is_the_length_of_the_frozen_prefix() -> None:
    parts = [{HEAD: 1.0}, {"layer2": 1.0}, {"stem:norm": 1.0}, {"layer1": 1.0, HEAD: 1.0}]
    plan = Plan(STAGES, tuple(Phase("", trains, 1) for trains in parts))
    assert [plan.frontier([end(1, 1)] * n) for n in range(4)] == [3, 2, 0, 1]


def test_a_plan_is_done_when_every_phase_has_ended() -> None:
    plan = Plan(STAGES, (Phase("a", {HEAD: 1.0}, 2), Phase("b", {HEAD: 1.0}, 3)))
    assert plan.max_epochs == 5
    assert [plan.done([end(1, 1)] * n) for n in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("history", "epoch"),
    [([1, 0.9, 0.9, 0.9], 3), ([0.8, 0.8, 0.8], 2), ([1, 0.9, 0.95, 0.8, 0.9, 0.9], 5)],
)
def test_a_plateau_comes_patience_epochs_after_the_best_value(history: list[float], epoch: int) -> None:
    phase = Phase("", {HEAD: 1.0}, epochs=99, patience=2)
    over = [
        ended_by(phase, history[: n + 1], "val/loss", higher_is_better=False) for n in range(len(history))
    ]
    assert [verdict is not None for verdict in over].index(True) == epoch


def test_length_ends_a_phase_that_never_reached_a_plateau() -> None:
    phase = Phase("", {HEAD: 1.0}, epochs=2, patience=3)
    assert ended_by(phase, [0.1], "val/accuracy") is None
    assert ended_by(phase, [0.1, 0.2], "val/accuracy") == ("its 2 epochs are over", False)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1), st.booleans())
def test_the_best_value_is_finite_where_any_is(values: list[float], higher: bool) -> None:
    best = values[best_index(values, higher)]
    finite = [value for value in values if math.isfinite(value)]
    assert not finite or best == (max if higher else min)(finite)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trains": {}}, "at least one stage"),
        ({"trains": {HEAD: 0.0}}, "rate of head=0.0"),
        ({"trains": {HEAD: math.nan}}, "rate of head=nan"),
        ({"epochs": 0}, "epochs=0"),
        ({"patience": 0}, "patience=0"),
        ({"schedule": "cosin"}, "Try: cosine"),
        ({"warmup": 1.0}, "warmup=1.0"),
    ],
)
def test_a_phase_refuses_what_cannot_train(change: dict[str, object], message: str) -> None:
    arguments = {"name": "", "trains": {HEAD: 1.0}, "epochs": 1} | change
    with pytest.raises(ConfigError, match=message):
        Phase(**arguments)  # type: ignore[arg-type]


def test_a_plan_refuses_an_unknown_stage_and_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'layer3'.*Try: layer"):
        Plan(STAGES, (Phase("", {"layer3": 1.0}, 1),))
    with pytest.raises(ConfigError, match="at least one phase"):
        Plan(STAGES, ())


@pytest.mark.parametrize("norms", ["affine", "all"])
def test_norms_that_a_phase_trains_cannot_be_frozen_for_the_whole_plan(norms: str) -> None:
    phases = (Phase("", {HEAD: 1.0}, 1), Phase("", {"layer1:norm": 1.0, HEAD: 1.0}, 1))
    with pytest.raises(ConfigError, match=f"norms='{norms}'.*statistics, for the plan trains layer1:norm"):
        Plan(STAGES, phases, norms=norms)  # type: ignore[arg-type]
    assert Plan(STAGES, phases, norms="statistics").norms == "statistics"
    assert Plan(STAGES, phases[:1], norms=norms).norms == norms  # type: ignore[arg-type]


def test_an_unknown_word_for_norms_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no norms 'statistic'.*Try: statistics"):
        Plan(STAGES, (Phase("", {HEAD: 1.0}, 1),), norms="statistic")  # type: ignore[arg-type]


def test_a_phase_does_not_give_a_stage_and_its_norms_two_rates() -> None:
    with pytest.raises(ConfigError, match="layer1 or layer1:norm, not both"):
        Phase("", {"layer1": 1.0, "layer1:norm": 0.5}, 1)


def test_a_part_is_a_stage_or_its_norms() -> None:
    assert split_part("layer1:norm") == ("layer1", True)
    with pytest.raises(ConfigError, match="stage:norm"):
        split_part("layer1:bias")
