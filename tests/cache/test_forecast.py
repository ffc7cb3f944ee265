import functools
import json
import re

import pytest

from tests.backbones.family_jobs import family_job
from tests.cache.caches import cache_of
from tests.cache.test_serving import PLAN
from tests.faults.jobs import MadeUp, small_job
from tests.quiet import fit_quietly
from tlx.assembly import describe_plan
from tlx.cache.forecast import Forecast, forecast, unused_views
from tlx.cache.meta import META
from tlx.cache.serving import concluding_part, serve
from tlx.cache.settings import CacheSettings
from tlx.cache.store import data_file
from tlx.plan import Phase, Plan
from tlx.strategies.feature_extraction import feature_extraction


def told(cache, number, mixes=False):
    cache.network.freeze_except(PLAN.phases[number].trains)
    return forecast(cache, PLAN, number, mixes)


def test_the_bytes_foretold_are_those_that_are_kept(tmp_path):
    cache = cache_of(tmp_path)
    cache.data.augment = "none"
    for number in (0, 1):
        kept = told(cache, number)
        serve(cache, PLAN, number, mixes=False)
        stored = {name: rows.layout.bytes for name, rows in cache.data.stored.items()}
        assert (kept.train, kept.val) == (stored["train"], stored["val"])
    assert told(cache, 1).train == 52 * 8 * 4 * 4 * 4


def test_what_is_read_anew_is_said_with_the_reason(tmp_path):
    assert told(cache_of(tmp_path), 1).why == "pictures vary"
    assert told(cache_of(tmp_path), 0, mixes=True).why == "pictures are mixed"
    assert told(cache_of(tmp_path, ram=0, disk=0), 0) == Forecast(3, why="cache=none")
    assert told(cache_of(tmp_path), 2) == Forecast(0, why="cache=none")


GIB = 2**30
TRAIN, VAL = 52 * 8 * 4, 30 * 8 * 4


@pytest.mark.parametrize(
    ("disk", "ram", "kept"),
    [
        (TRAIN + VAL + 5000, 0, (TRAIN, VAL)),
        (TRAIN + 3000, 0, (TRAIN, 0)),
        (TRAIN + 3000, VAL + 3000, (TRAIN, VAL)),
        (VAL + 2200, 0, (0, VAL)),
        (100, 100, (0, 0)),
    ],
)
def test_what_has_no_room_is_not_foretold_and_not_kept(tmp_path, disk, ram, kept):
    cache = cache_of(tmp_path, disk=disk / GIB, ram=ram / GIB)
    found = told(cache, 0)
    serve(cache, PLAN, 0, mixes=False)
    stored = {name: rows.layout.bytes for name, rows in cache.data.stored.items()}
    assert (found.train, found.val) == (stored.get("train", 0), stored.get("val", 0)) == kept
    assert ("cache.disk=" in found.why) == (kept[0] == 0)


def test_a_disk_without_room_is_named_as_the_reason(tmp_path):
    (tmp_path / "file").write_text("")
    found = told(cache_of(tmp_path / "file" / "features", ram=0), 0)
    assert f"the disk of {tmp_path}/file/features and cache.ram=0 GiB" in found.why


def test_nothing_is_made_by_foretelling(tmp_path):
    told(cache_of(tmp_path / "features"), 0)
    assert not (tmp_path / "features").exists()


def test_what_a_folder_that_is_only_read_holds_is_foretold(tmp_path, as_nobody):
    cache = cache_of(tmp_path / "features")
    told(cache, 0)
    serve(cache, PLAN, 0, mixes=False)
    for path in (tmp_path / "features", *(tmp_path / "features").rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_nobody():
        found = told(cache_of(tmp_path / "features", ram=0), 0)
    assert (found.train, found.val) == (TRAIN, VAL)


TEST = 21 * 8 * 4
MANY = MadeUp(train=52, val=400, test=200)


@pytest.mark.parametrize(("room", "kept"), [(52 + 600, 652), (52 + 400, 452), (52 + 200, 252), (100, 52)])
def test_a_run_leaves_as_many_bytes_in_the_folder_as_its_plan_says(tmp_path, room, kept):
    """There may be room for test where there is none for val; three entries take 6 kB around the values."""
    cache = CacheSettings(ram=0, disk=(room * 8 * 4 + 6500) / GIB, folder=str(tmp_path / "features"))
    strategy = functools.partial(feature_extraction, epochs=1)
    fit_quietly(small_job(strategy=strategy, cache=cache, source=MANY), tmp_path)
    [phase] = json.loads((tmp_path / "plan.json").read_text())["phases"]
    entries = [path.parent for path in (tmp_path / "features").glob(f"*/{META}")]
    assert phase["cache_bytes"] == kept * 8 * 4
    assert sum((entry / data_file(0)).stat().st_size for entry in entries) == kept * 8 * 4


def test_test_samples_are_foretold_where_all_is_frozen_and_val_or_train_as_it_is_is_kept(tmp_path):
    cache = cache_of(tmp_path, views=1)
    cache.data.augment = "always"
    assert told(cache, 0).test == TEST
    assert told(cache, 1).test == told(cache, 2).test == told(cache_of(tmp_path, ram=0, disk=0), 0).test == 0
    lacks = cache_of(tmp_path, ram=0, disk=(TRAIN + 2500) / GIB, views=1)
    lacks.data.augment = "always"
    assert told(lacks, 0) == Forecast(3, train=TRAIN, views=1)


@pytest.mark.parametrize(("left", "kept"), [(0, True), (-1, False)])
def test_what_is_read_into_memory_leaves_that_much_less_for_test(tmp_path, left, kept):
    """The disk is full of train and val, which are read into memory as well."""
    train_and_val, test = (52 + 400) * 8 * 4, 200 * 8 * 4
    disk, ram = train_and_val + 4500, train_and_val + test + left
    cache = cache_of(tmp_path, disk=disk / GIB, ram=ram / GIB)
    cache.data.__dict__["splits"] = MANY.splits()
    found = told(cache, 0)
    serve(cache, PLAN, 0, mixes=False)
    rows = cache.rows(concluding_part(cache.data, PLAN, 0, cache.data.stored), (3,))
    assert (found.bytes, rows is not None) == (train_and_val + kept * test, kept)


ONE, TWO = (Plan(("a", "b", "c"), (Phase("head", {"head": 1e-2}, 1),) * count) for count in (1, 2))


@pytest.mark.parametrize(
    ("kept", "plan", "line"),
    [
        (Forecast(0), ONE, ""),
        (Forecast(2, 4000, 1000), ONE, "phase 1: frozen up to b, computed once: 5.0 kB"),
        (
            Forecast(3, 4000, 1000, 2000),
            ONE,
            "phase 1: frozen up to c, computed once: 5.0 kB; of test at the end: 2.0 kB",
        ),
        (
            Forecast(3, 4000, 1000, 2000),
            TWO,
            (
                "phase 1: frozen up to c, computed once: 5.0 kB; of test at the end: 2.0 kB, "
                "if the best epoch is of this phase"
            ),
        ),
        (
            Forecast(2, 4000),
            ONE,
            "phase 1: frozen up to b, computed once: 4.0 kB; val, which has no room, in every epoch",
        ),
        (
            Forecast(2, 0, 1000, why="pictures vary"),
            ONE,
            "phase 1: frozen up to b, computed in every epoch, for pictures vary; of val once: 1.0 kB",
        ),
        (
            Forecast(2, 4000, 1000, views=5),
            ONE,
            "phase 1: frozen up to b, computed once in 5 variations: 5.0 kB",
        ),
        (
            Forecast(2, 4000, 1000, is_estimate=True),
            ONE,
            "phase 1: frozen up to b, computed once: about 5.0 kB",
        ),
        (
            Forecast(2, 0, 1000, why="about 9.0 kB are more", is_estimate=True),
            ONE,
            (
                "phase 1: frozen up to b, computed in every epoch, for about 9.0 kB are more; "
                "of val once: about 1.0 kB"
            ),
        ),
        (Forecast(1, why="cache=none"), ONE, "phase 1: frozen up to a, computed in every epoch: cache=none"),
    ],
)
def test_a_line_says_what_is_kept(kept, plan, line):
    assert kept.line(0, plan) == line


@pytest.mark.parametrize(
    ("augment", "phases", "unused"),
    [("auto", (0,), True), ("always", (0,), False), ("auto", (0, 1), False), ("always", (2,), True)],
)
def test_variations_that_no_phase_reads_are_said_to_change_nothing(tmp_path, augment, phases, unused):
    cache = cache_of(tmp_path, views=3)
    cache.data.augment = augment
    said = unused_views(cache, Plan(PLAN.stages, tuple(PLAN.phases[number] for number in phases)))
    assert ("cache.views=3 changes nothing" in said) == unused
    assert unused_views(cache_of(tmp_path), PLAN) == ""


def told_of_texts(folder, **cache):
    _, text = describe_plan(family_job("bert", folder, cache=CacheSettings(folder=str(folder), **cache)))
    return [line for line in text.splitlines() if line.startswith("phase ")]


def test_bytes_of_texts_that_are_not_all_read_are_said_with_about(tmp_path, monkeypatch):
    features, tokens = told_of_texts(tmp_path)
    assert "about" not in features + tokens
    monkeypatch.setattr("tlx.cache.lengths.SEEN", 8)
    features, tokens = told_of_texts(tmp_path)
    assert "about" not in features
    assert "computed once: about " in tokens
    _, tokens = told_of_texts(tmp_path, ram=0, disk=1e-9)
    assert re.search(r"in every epoch: about \d+\.\d kB are more than", tokens)
