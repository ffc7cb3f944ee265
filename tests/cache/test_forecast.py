import pytest

from tests.cache.caches import cache_of
from tests.cache.test_serving import PLAN
from tlx.cache.forecast import Forecast, forecast
from tlx.cache.serving import serve


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


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        (Forecast(0), ""),
        (Forecast(2, 4000, 1000), "phase 1: frozen up to b, computed once: 5.0 kB"),
        (
            Forecast(2, 4000),
            "phase 1: frozen up to b, computed once: 4.0 kB; val, which has no room, in every epoch",
        ),
        (
            Forecast(2, 0, 1000, "pictures vary"),
            "phase 1: frozen up to b, computed in every epoch, for pictures vary; of val once: 1.0 kB",
        ),
        (Forecast(1, why="cache=none"), "phase 1: frozen up to a, computed in every epoch: cache=none"),
    ],
)
def test_a_line_says_what_is_kept(kept, line):
    assert kept.line(0, ("a", "b", "c")) == line
