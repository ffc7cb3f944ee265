from typing import Any

import pytest

from scripts.bench.frechet import caption, table
from scripts.bench.rows.frechet_ways import CASES, FEW, differences, domains, seconds, ways


def result(scipy: float, difference: float) -> dict[str, Any]:
    return {
        "samples": 2048,
        "seconds": {"tlx": [1.0, 1.1], "scipy": [scipy, scipy * 1.1], "eigvals": [3.0, 3.3]},
        "difference": {"tlx": difference, "eigvals": 0.0},
    }


def test_the_table_says_of_each_goal_whether_it_is_reached() -> None:
    well, badly = table({"512 flat": result(6, 1e-13)}), table({"512 decaying": result(4, 1e-8)})
    assert "6.00 [" in well and "goal 5: reached" in well and "missed" not in well
    assert badly.count("missed") == 2 and "reached" not in badly
    assert "goal 10: missed" in table({"2048 flat": result(6, 1e-13)})


def test_few_samples_and_other_sizes_have_no_goal() -> None:
    assert "goal" not in table({"512 few": result(6, 1e-13), "64 flat": result(6, 1e-13)})


def test_a_mean_above_the_goal_is_called_so_where_the_interval_holds_less() -> None:
    found = result(6, 1e-13)
    found["seconds"]["scipy"] = [4.0, 9.0]
    assert "goal 5: the mean reaches it" in table({"512 flat": found})


def test_the_caption_has_versions_and_the_range_of_repetitions() -> None:
    versions = {"torch": "2.15.0+cpu", "scipy": "1.17.0", "numpy": "2.4.0"}
    cases = {"512 flat": result(6, 1e-13), "2048 flat": result(6, 1e-13)}
    cases["2048 flat"]["seconds"]["tlx"].append(1.0)
    found = {
        "date": "2026-11-27",
        "processor": {"name": "a processor"},
        "cases": {name: case | {"versions": versions} for name, case in cases.items()},
    }
    said = caption(found)
    assert "scipy 1.17.0, torch 2.15.0; 2 to 3 repetitions" in said
    found["cases"].pop("2048 flat")
    assert "; 2 repetitions" in caption(found)


@pytest.mark.parametrize("case", ["flat", "decaying"])
def test_all_ways_compute_the_same(case: str) -> None:
    found = differences(domains(24, case))
    assert found.keys() == {"tlx", "eigvals"}
    assert max(found.values()) < 1e-10


def test_of_few_samples_the_distance_is_the_same_but_for_the_singular_product() -> None:
    few = domains(400, "few")
    assert [one.covariance for one in few] == [None, None]
    assert len(few[0].features) == FEW
    assert differences(few)["tlx"] < 1e-4


def test_every_way_is_timed_as_often() -> None:
    given = domains(8, CASES[0])
    taken = seconds(given, 3)
    assert taken.keys() == ways(*given).keys()
    assert {len(values) for values in taken.values()} == {3}
