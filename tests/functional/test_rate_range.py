import math

import pytest

from tlx.errors import ConfigError
from tlx.functional.rate_range import diverged, range_of_factors, smoothed, steepest


def test_factors_rise_by_the_same_multiple_between_both_ends() -> None:
    factors = range_of_factors(1e-3, 1e3, 7)
    assert factors == pytest.approx([1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0])


@pytest.mark.parametrize(
    "wrong", [(0.0, 1.0, 3), (1.0, 1.0, 3), (2.0, 1.0, 3), (1.0, math.inf, 3), (0.1, 1.0, 1)]
)
def test_a_range_that_is_none_is_refused(wrong: tuple[float, float, int]) -> None:
    with pytest.raises(ConfigError):
        range_of_factors(*wrong)


def test_a_constant_stays_the_same_when_smoothed() -> None:
    assert smoothed([2.0] * 5) == pytest.approx([2.0] * 5)


def test_the_steepest_fall_comes_before_the_least_value() -> None:
    factors = [10.0**power for power in range(6)]
    assert steepest(factors, [2.0, 1.9, 1.0, 0.9, 3.0, -50.0][:5]) == pytest.approx(math.sqrt(10 * 100))


def test_a_loss_that_only_rises_suggests_nothing() -> None:
    assert steepest([1.0, 10.0, 100.0], [1.0, 2.0, 3.0]) is None


def test_four_times_the_least_loss_has_diverged() -> None:
    assert not diverged([1.0, 4.0])
    assert diverged([1.0, 4.1])
    assert diverged([1.0, math.inf])
