import pytest

from scripts.forgetting.points import Estimate, points, strengths
from tests.forgetting.result import made_up
from tlx.functional.intervals import t_interval


def test_methods_come_as_in_the_file_and_strengths_from_weak_to_strong() -> None:
    assert strengths(made_up()["runs"]) == {"none": [None], "ewc": [10.0, 1000.0]}
    assert [(point.method, point.strength) for point in points(made_up())] == [
        ("none", None),
        ("ewc", 10.0),
        ("ewc", 1000.0),
    ]


def test_a_point_is_the_mean_over_its_seeds_with_students_interval() -> None:
    _, weak, strong = points(made_up())
    assert strong.seeds == (0, 1, 2)
    assert strong.accuracy["target"] == Estimate(pytest.approx(0.86), t_interval([0.83, 0.85, 0.90]))
    assert strong.accuracy["source"].mean == pytest.approx(0.37)
    assert weak.accuracy["source"] == Estimate(0.20, None)


def test_a_difference_is_taken_seed_by_seed_over_those_that_both_have() -> None:
    none, weak, strong = points(made_up())
    assert none.gain == {}
    assert weak.gain["source"] == Estimate(pytest.approx(0.10), None)
    assert strong.gain["target"].mean == pytest.approx((0.03 + 0.01) / 2)
    assert strong.gain["source"].mean == pytest.approx((0.26 + 0.24) / 2)
    low, high = t_interval([0.83 - 0.80, 0.85 - 0.84]) or (0.0, 0.0)
    assert strong.gain["target"].interval == pytest.approx((low, high))


def test_without_runs_that_nothing_protects_there_is_no_difference() -> None:
    result = made_up()
    result["runs"] = [run for run in result["runs"] if run["method"] != "none"]
    assert [point.gain for point in points(result)] == [{}, {}]
