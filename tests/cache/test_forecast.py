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


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        (Forecast(0), ""),
        (Forecast(2, 4000, 1000), "phase 1: frozen up to b, computed once: 5.0 kB"),
        (
            Forecast(2, 0, 1000, "pictures vary"),
            "phase 1: frozen up to b, computed in every epoch, for pictures vary; of val once: 1.0 kB",
        ),
        (Forecast(1, why="cache=none"), "phase 1: frozen up to a, computed in every epoch: cache=none"),
    ],
)
def test_a_line_says_what_is_kept(kept, line):
    assert kept.line(0, ("a", "b", "c")) == line
