import math

import pytest

from scripts.bench.ratios import paired, speed


def test_a_ratio_is_taken_repetition_by_repetition() -> None:
    slow_machine = {0: 10.0, 1: 40.0}
    found = paired(slow_machine, {0: 2.0, 1: 8.0})
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((5, 5, 5))
    assert found.pairs == 2


def test_the_interval_is_that_of_student_on_the_logarithms() -> None:
    found = paired({0: 4.0, 1: 5.0, 2: 6.25}, {0: 1.0, 1: 1.0, 2: 1.0})
    assert found is not None
    half = 4.302653 * math.log(1.25) / math.sqrt(3)
    assert found.mean == pytest.approx(5)
    assert found.low == pytest.approx(5 * math.exp(-half), rel=1e-6)
    assert found.high == pytest.approx(5 * math.exp(half), rel=1e-6)


def test_a_ratio_and_its_reverse_say_the_same() -> None:
    one, other = {0: 4.0, 1: 5.0}, {0: 1.0, 1: 1.5}
    forth, back = paired(one, other), paired(other, one)
    assert forth is not None
    assert back is not None
    assert (forth.mean, forth.low, forth.high) == pytest.approx((1 / back.mean, 1 / back.high, 1 / back.low))


def test_a_single_repetition_has_no_interval() -> None:
    found = paired({0: 3.0, 1: 8.0}, {0: 1.5, 2: 1.0})
    assert found is not None
    assert math.isnan(found.low)
    assert str(found) == "2.00"


def test_rows_that_share_no_repetition_have_no_ratio() -> None:
    assert paired({0: 1.0}, {1: 1.0}) is None


def test_a_goal_is_reached_by_all_of_an_interval_or_by_its_mean_alone() -> None:
    sure, wide, below = ({0: a, 1: b} for a, b in ((4.0, 4.1), (3.0, 5.0), (2.0, 3.0)))
    ones = {0: 1.0, 1: 1.0}
    said = [speed(paired(each, ones), 3.0) for each in (sure, wide, below)]
    assert said == ["reached", "the mean reaches it", "missed"] and speed(None, 3.0) == "missed"
