import time
from dataclasses import replace

import pytest

from tests.cache.caches import ALL, cache_of
from tests.faults.processes import run_ranks
from tlx.cache.serving import serve, training_part, wanted_parts, why_not
from tlx.plan import HEAD, Phase, Plan
from tlx.trainer import World

PLAN = Plan(
    ALL,
    (
        Phase("head", {HEAD: 1e-2}, 1),
        Phase("+ block1", {HEAD: 1e-2, "block1": 1e-3}, 1),
        Phase("all", {HEAD: 1e-2, **dict.fromkeys(ALL, 1e-3)}, 1),
    ),
)


def served(cache, number, mixes=False):
    cache.network.freeze_except(PLAN.phases[number].trains)
    serve(cache, PLAN, number, mixes)
    cut = cache.network.cut
    return set(cache.data.stored), None if cut is None else cut.frontier


@pytest.mark.parametrize(
    ("augment", "number", "expected"),
    [
        ("none", 0, ({"train", "val"}, 3)),
        ("none", 1, ({"train", "val"}, 2)),
        ("none", 2, (set(), None)),
        ("auto", 0, ({"train", "val"}, 3)),
        ("auto", 1, ({"val"}, 2)),
        ("always", 0, ({"val"}, 3)),
    ],
)
def test_a_phase_reads_what_does_not_vary_from_the_cache(tmp_path, augment, number, expected):
    cache = cache_of(tmp_path)
    cache.data.augment = augment
    assert served(cache, number) == expected


def test_mixed_pictures_are_read_anew_and_those_that_choose_the_epoch_are_not(tmp_path):
    assert served(cache_of(tmp_path), 0, mixes=True) == ({"val"}, 3)


def test_nothing_is_served_where_nothing_is_kept(tmp_path):
    assert served(cache_of(tmp_path, ram=0, disk=0), 0) == (set(), None)


def test_a_phase_after_another_is_served_without_another_pass(tmp_path):
    cache = cache_of(tmp_path)
    cache.data.augment = "none"
    served(cache, 0)
    said = len(cache.said)
    assert served(cache, 1) == ({"train", "val"}, 2)
    assert len(cache.said) == said == 2


LATE = 2.0


def be_late(folder):
    """The second machine is late with the frozen part of a phase; what the first one says of its own."""
    world = World.from_environment()
    world.join("gloo", 60.0)
    cache = cache_of(folder / str(world.rank))
    cache.network.freeze_except(PLAN.phases[0].trains)
    cache.world = world
    cache.making.world = world
    world.gather(None)
    if world.rank == 1:
        time.sleep(LATE)
    serve(cache, PLAN, 0, mixes=False)
    (folder / f"{world.rank}.seconds").write_text(str(cache.seconds))


def test_the_wait_for_another_machine_counts_as_computing(tmp_path):
    assert run_ranks(be_late, tmp_path, ranks=2, machines=2) == [0, 0]
    assert float((tmp_path / "0.seconds").read_text()) > LATE


@pytest.mark.parametrize(("epochs", "views"), [(9, 3), (3, 3), (2, 2)])
def test_there_are_as_many_variations_as_asked_for_and_no_more_than_epochs_that_read_them(
    tmp_path, epochs, views
):
    cache = cache_of(tmp_path, views=3)
    head, more, _ = (replace(phase, epochs=epochs) for phase in PLAN.phases)
    plan = Plan(PLAN.stages, (head, more))
    assert training_part(cache, plan, more, False).views == views
    assert training_part(cache, plan, head, False).views is None


@pytest.mark.parametrize("room", [0.1, 1e-9], ids=["room", "no room"])
@pytest.mark.parametrize(
    ("number", "mixes", "expected"),
    [(0, False, (False, None)), (1, False, (True, 1)), (1, True, (True, None)), (2, False, (True, None))],
)
def test_variations_come_back_only_above_a_frozen_part_whether_or_not_it_is_kept(
    tmp_path, room, number, mixes, expected
):
    cache = cache_of(tmp_path, ram=room, disk=room, views=3)
    served(cache, 1)  # leaves what the phase before read
    served(cache, number, mixes)
    assert (cache.data.augmenting, cache.data.views) == expected


def test_why_training_samples_are_read_anew_is_said(tmp_path):
    cache = cache_of(tmp_path)
    assert [why_not(cache, PLAN, phase, False) for phase in PLAN.phases[:2]] == ["", "pictures vary"]
    assert why_not(cache, PLAN, PLAN.phases[0], mixes=True) == "pictures are mixed"


def test_phases_share_their_variations_so_that_one_pass_fills_all_their_frontiers(tmp_path):
    cache = cache_of(tmp_path, views=5)
    phases = tuple(
        replace(phase, epochs=epochs) for phase, epochs in zip(PLAN.phases, (9, 2, 9), strict=True)
    )
    lower = replace(phases[1], trains=phases[1].trains | {"block0": 1e-3}, epochs=1)
    plan = Plan(PLAN.stages, (*phases[:2], lower, phases[2]))
    cache.network.freeze_except(plan.phases[1].trains)
    (part, frontiers), _ = wanted_parts(cache, plan, 1, False)
    assert part.views == 3 and frontiers == (2, 1)
