import pytest

from tests.cache.caches import ALL, cache_of
from tlx.cache.serving import serve, training_part, why_not
from tlx.plan import HEAD, Phase, Plan

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


def test_views_are_asked_for_where_pictures_vary(tmp_path):
    data = cache_of(tmp_path, views=3).data
    assert training_part(data, PLAN.phases[1], False).views == 3
    assert training_part(data, PLAN.phases[0], False).views is None


def test_why_training_samples_are_read_anew_is_said(tmp_path):
    data = cache_of(tmp_path).data
    said = [
        why_not(data, phase, mixes) for phase, mixes in ((PLAN.phases[0], False), (PLAN.phases[1], False))
    ]
    assert said == ["", "pictures vary"]
    assert why_not(data, PLAN.phases[0], mixes=True) == "pictures are mixed"
