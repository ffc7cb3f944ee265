from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.extension import extension
from tlx.plan import Phase, PhaseEnd, Plan

STAGES = ("low", "high")


def plan(*epochs: int, rate: float = 0.1, norms: str = "train") -> Plan:
    names = ("head", "+ high", "+ low")
    phases = [Phase(names[n], {"head": rate}, count) for n, count in enumerate(epochs)]
    return Plan(STAGES, tuple(phases), norms=norms)  # type: ignore[arg-type]


def ends(*epochs: int) -> list[PhaseEnd]:
    return [PhaseEnd(epoch, 10 * epoch, epoch, 0.5, "over", False) for epoch in epochs]


def lengths(of: Plan) -> list[int]:
    return [phase.epochs for phase in of.phases]


def test_the_same_plan_is_no_extension() -> None:
    assert extension(plan(3, 4), plan(3, 4), plan(3, 4), ends(3), 1) is None


def test_an_open_phase_and_those_to_come_take_their_new_length() -> None:
    found = extension(plan(3, 4, 4), plan(3, 4, 4), plan(5, 6, 6), ends(3), 2)
    assert found is not None
    assert found.longer
    assert lengths(found.plan) == [3, 6, 6]
    assert found.lines[0] == "phase 2 (+ high): 4 -> 6 epochs, rates of the new length from here on"


def test_a_run_whose_phases_are_over_gets_one_more_that_trains_as_the_last() -> None:
    found = extension(plan(3, 4), plan(3, 4), plan(3, 6), ends(3, 7), 0)
    assert found is not None
    assert found.longer
    assert lengths(found.plan) == [3, 4, 2]
    assert found.plan.phases[2] == replace(plan(3, 4).phases[1], name="+ high, extended", epochs=2)
    assert found.lines == ("phase 3 (+ high, extended): new, 2 epochs, its schedule begins anew",)


def test_a_phase_that_random_values_began_does_not_begin_so_again() -> None:
    first = Plan(STAGES, (Phase("all", {"head": 0.1, "high": 0.1}, 2, reinitialise=("high",)),))
    longer = replace(first, phases=(replace(first.phases[0], epochs=3),))
    found = extension(first, first, longer, ends(2), 0)
    assert found is not None
    assert found.plan.phases[1].reinitialise == ()


def test_a_plateau_that_came_early_leaves_the_epochs_it_saved() -> None:
    ended = [PhaseEnd(4, 40, 2, 0.5, "no better", True)]
    found = extension(plan(10), plan(10), plan(20), ended, 0)
    assert found is not None
    assert lengths(found.plan) == [10, 16]


def test_what_was_extended_is_extended_again() -> None:
    once = extension(plan(3), plan(3), plan(5), ends(3), 0)
    assert once is not None
    midway = extension(once.plan, plan(5), plan(9), ends(3), 1)
    assert midway is not None
    assert lengths(midway.plan) == [3, 6]
    later = extension(once.plan, plan(5), plan(9), ends(3, 5), 0)
    assert later is not None
    assert lengths(later.plan) == [3, 2, 4]


@pytest.mark.parametrize(
    ("asked", "over", "trained", "said"),
    [
        (plan(3, 4), ends(3), 4, "the phase '[+] high' has trained 4 epochs, and would last 4"),
        (plan(3, 2), ends(3, 8), 0, "every phase is over after 8 epochs, and stays as it was"),
        (plan(9, 5), ends(3), 0, "what would change is over after 3 epochs"),
        (plan(9), ends(3), 0, "what would change is over"),
        (plan(3, 5, 2), ends(3, 8), 0, "all 2 phases are over, and the strategy now has 3"),
        (replace(plan(3, 9), stages=("low", "other")), ends(3), 0, "stages of the network"),
    ],
)
def test_what_cannot_go_on_is_refused_with_its_reason(
    asked: Plan, over: list[PhaseEnd], trained: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        extension(plan(3, 5), plan(3, 5), asked, over, trained)


@pytest.mark.parametrize(
    "asked", [plan(3, 4), plan(3, 6, rate=0.2), plan(4, 5, norms="all"), plan(4)], ids=str
)
def test_more_than_a_longer_plan_is_said_to_be_so(asked: Plan) -> None:
    found = extension(plan(3, 5), plan(3, 5), asked, [], 1)
    assert found is not None
    assert not found.longer


EPOCHS = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@given(before=EPOCHS, more=st.lists(st.integers(0, 5), min_size=3, max_size=3), over=st.integers(0, 3))
def test_any_longer_plan_keeps_what_is_over_and_ends_no_earlier(
    before: list[int], more: list[int], over: int
) -> None:
    over = min(over, len(before))
    asked = [epochs + added for epochs, added in zip(before, more, strict=False)]
    ledger = ends(*(sum(before[: n + 1]) for n in range(over)))
    saved = plan(*before)
    try:
        found = extension(saved, saved, plan(*asked), ledger, 0)
    except ConfigError:
        assert asked[over:] == before[over:]
        assert over < len(before) or asked[-1] == before[-1]
        return
    if found is None:
        assert asked == before
        return
    assert found.longer
    assert found.plan.phases[:over] == saved.phases[:over]
    assert found.plan.max_epochs > saved.max_epochs
    assert not found.plan.done(ledger)
