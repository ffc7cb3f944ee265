import pytest

from tests.doctor.clock import job_of
from tlx.assembly import build_network, frontier_cache
from tlx.cache.serving import serve
from tlx.doctor.passes import at_full_length, openings
from tlx.doctor.short_job import foretold, shortened
from tlx.plan import HEAD, Phase, Plan
from tlx.trainer import World


def test_a_start_counts_once_and_what_follows_the_blocks_grows_with_them():
    moments = [100.0, 110.0, 112.0, 114.0, 120.0]  # 8 to start, 2 a block, 6 behind three blocks
    assert at_full_length(moments, blocks=3, larger=1.0) == 20
    assert at_full_length(moments, blocks=30, larger=1.0) == 8 + 30 * 2 + 10 * 6
    assert at_full_length(moments, blocks=30, larger=2.0) == 8 + 2 * (30 * 2 + 10 * 6)


def test_of_a_single_block_nothing_counts_as_a_start():
    assert at_full_length([1.0, 4.0, 5.0], blocks=10, larger=1.0) == 40


def test_one_slow_block_does_not_count_for_all():
    assert at_full_length([0.0, 1.0, 2.0, 12.0, 13.0, 13.0], blocks=100, larger=1.0) == 100


def opened(job, folder, plan):
    short = shortened(job, plan)
    network = build_network(short)
    told = foretold(job, short, network, plan, folder / "few")
    run, trial = (frontier_cache(each, network, World()) for each in (job, short))
    return [(each.whole, each.few) for each in openings(run, trial, plan, told, False)]


STAGES = ("stem", "block0", "block1")
FEATURES, COMPARED = 5 + 3, 2
"""Blocks of train and val, and one batch of each to compare."""


def phases(*trains, anew=()):
    made = [Phase(str(n), {HEAD: 1e-2, **dict.fromkeys(parts, 1e-3)}, 1) for n, parts in enumerate(trains)]
    return Plan(STAGES, (*made[:-1], Phase("last", made[-1].trains, 1, reinitialise=anew)))


ALL, NONE = FEATURES + COMPARED, 0


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (phases((), ("block1",)), [ALL, COMPARED]),
        (phases((), ()), [ALL, NONE]),  # what is open is not compared again
        (phases(("block1",), ()), [ALL, ALL]),
        (phases(("stem",), ("block1",)), [NONE, ALL]),
        (phases((), ("block1",), ()), [ALL, COMPARED, ALL]),
        (phases((), ("block1",), ("block1",), anew=("block1",)), [ALL, COMPARED, NONE]),
        (phases((), ("block1",), ("block1",), anew=("block0",)), [ALL, COMPARED, ALL]),
    ],
    ids=["lower", "same", "trained", "trained below", "trained in between", "anew above it", "anew below it"],
)
def test_a_pass_is_made_again_only_where_something_below_has_changed(tmp_path, clock, plan, expected):
    job = job_of(tmp_path / "features", clock, strategy=lambda stages: plan)
    job.data.preprocessing = job.backbone.preprocessing
    assert [whole for whole, _ in opened(job, tmp_path, plan)] == expected


def test_what_lay_there_before_something_below_trained_is_of_no_use(tmp_path, clock):
    plan = phases((), ("block1",), ())
    job = job_of(tmp_path / "features", clock, strategy=lambda stages: plan)
    job.data.preprocessing = job.backbone.preprocessing
    network = build_network(job)
    network.freeze_except({HEAD: 1e-2})
    serve(frontier_cache(job, network, World()), plan, 0, mixes=False)
    job.data.stored = {}
    assert [whole for whole, _ in opened(job, tmp_path, plan)] == [COMPARED, COMPARED, ALL]


def test_the_short_job_computes_again_what_has_changed(tmp_path, clock):
    plan = phases((), ("block1",), ())
    job = job_of(tmp_path / "features", clock, strategy=lambda stages: plan)
    job.data.preprocessing = job.backbone.preprocessing
    few_blocks = 3 + 2
    assert [few for _, few in opened(job, tmp_path, plan)] == [COMPARED, COMPARED, few_blocks + COMPARED]


def test_blocks_that_were_loaded_ahead_tell_nothing_of_those_to_come():
    moments = [0.0, 4.0, 4.0, 4.0, 4.0, 7.0, 7.0, 10.0, 10.0, 10.0]
    assert at_full_length(moments, blocks=100, larger=1.0, ready=3) == 4.0 - 1.5 + 100 * 1.5
