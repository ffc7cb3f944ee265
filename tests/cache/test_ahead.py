from hypothesis import given
from hypothesis import strategies as st

from tlx.cache.ahead import frontier_of, frontiers_ahead
from tlx.plan import HEAD, Phase, Plan

STAGES = ("a", "b", "c", "d")


def plan(*phases, reinitialise=()):
    made = [
        Phase(str(n), {HEAD: 1e-3, **dict.fromkeys(trains, 1e-4)}, 1, reinitialise=reinitialise if n else ())
        for n, trains in enumerate(phases)
    ]
    return Plan(STAGES, tuple(made))


def everywhere(phase):
    return True


def test_a_gradual_unfreezing_needs_one_frontier_after_another_all_filled_at_its_start():
    found = plan((), ("d",), ("c", "d"), STAGES)
    assert [frontier_of(found, n) for n in range(4)] == [4, 3, 2, 0]
    assert frontiers_ahead(found, 0, everywhere) == (4, 3, 2)
    assert frontiers_ahead(found, 1, everywhere) == (3, 2)
    assert frontiers_ahead(found, 3, everywhere) == ()


def test_what_trains_in_between_is_not_filled_before():
    assert frontiers_ahead(plan(("c",), ()), 0, everywhere) == (2,)
    assert frontiers_ahead(plan(("c",), ()), 1, everywhere) == (4,)
    assert frontiers_ahead(plan((), ("d",), reinitialise=("b",)), 0, everywhere) == (4,)


def test_a_phase_that_reads_nothing_stored_adds_nothing():
    found = plan((), ("d",), ("c", "d"))
    assert frontiers_ahead(found, 0, lambda phase: phase.name == "2") == (2,)


@given(st.lists(st.sets(st.sampled_from(STAGES)), min_size=1, max_size=5), st.data())
def test_every_frontier_lies_below_all_that_moved_until_it_is_read(phases, data):
    found = plan(*phases)
    number = data.draw(st.integers(0, len(phases) - 1))
    ahead = frontiers_ahead(found, number, everywhere)
    for frontier in ahead:
        reader = next(n for n in range(number, len(phases)) if frontier_of(found, n) == frontier)
        moved = {stage for trains in phases[number:reader] for stage in trains}
        assert not moved & set(STAGES[:frontier])
    assert (frontier_of(found, number) in ahead) == (frontier_of(found, number) > 0)
