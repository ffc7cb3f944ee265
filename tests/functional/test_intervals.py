import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tlx.errors import ConfigError
from tlx.functional.intervals import paired_difference, subsample_interval, t_interval, wilson


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(case):
    successes, n = case
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_has_a_width_where_every_sample_is_right():
    low, high = wilson(20, 20)
    z = 1.959963984540054
    assert low == pytest.approx(1 / (1 + z * z / 20))
    assert high == 1.0


def test_wilson_of_no_samples_knows_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def test_more_confidence_means_a_wider_interval():
    narrow, wide = wilson(70, 100, 0.8), wilson(70, 100, 0.99)
    assert wide[0] < narrow[0] < 0.7 < narrow[1] < wide[1]


@pytest.mark.parametrize(("successes", "n"), [(-1, 10), (11, 10), (0, -1)])
def test_wilson_rejects_counts_that_cannot_be(successes, n):
    with pytest.raises(ConfigError, match="is not usable"):
        wilson(successes, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95])
def test_a_confidence_is_a_share(confidence):
    with pytest.raises(ConfigError, match="confidence"):
        wilson(1, 2, confidence)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=20).filter(lambda values: max(values) - min(values) > 1e-3)
)
def test_the_t_interval_agrees_with_scipy(values):
    expected = stats.t.interval(0.95, len(values) - 1, loc=sum(values) / len(values), scale=stats.sem(values))
    assert t_interval(values) == pytest.approx(expected, abs=1e-9)


def test_the_t_interval_of_two_values_by_hand():
    low, high = t_interval([1.0, 3.0])
    assert (low, high) == pytest.approx((2 - 12.7062047, 2 + 12.7062047))  # t of one degree of freedom


def test_a_single_value_has_no_interval():
    assert t_interval([0.5]) is None


def test_equal_values_have_an_interval_without_width():
    low, high = t_interval([0.5, 0.5, 0.5])
    assert math.isclose(low, 0.5) and math.isclose(high, 0.5)


def test_no_value_is_refused():
    with pytest.raises(ConfigError, match="at least one value"):
        t_interval([])


def test_the_interval_of_paired_shares_covers_the_difference() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        first, second = generator.random((2, 60)) < [[0.8], [0.7]]
        lost, won = int((first & ~second).sum()), int((second & ~first).sum())
        low, high = paired_difference(lost, won, 60)
        covered += low <= 0.1 <= high
    assert 0.93 < covered / 2000 < 0.975


def test_nothing_that_differs_still_has_a_width() -> None:
    low, high = paired_difference(0, 0, 50)
    assert low == -high < 0 < 0.06 > high
    assert paired_difference(3, 9, 50) == tuple(-bound for bound in reversed(paired_difference(9, 3, 50)))
    with pytest.raises(ConfigError, match="at most 5"):
        paired_difference(4, 2, 5)


def test_half_samples_give_the_standard_error_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=101)
    draws = np.random.default_rng(1)
    means = [float(draws.permutation(values)[:50].mean()) for _ in range(4000)]
    low, high = subsample_interval(means, 50, 101, centre=float(values.mean()))
    assert (low + high) / 2 == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(1.96 * stats.sem(values), rel=0.03)


@pytest.mark.parametrize("size", [10, 40, 80])
def test_the_interval_of_subsamples_covers_at_any_share(size: int) -> None:
    draws, covered = np.random.default_rng(size), 0
    for _ in range(400):
        values = draws.uniform(size=100)
        parts = [float(draws.permutation(values)[:size].std(ddof=1)) for _ in range(30)]
        low, high = subsample_interval(parts, size, 100, centre=float(values.std(ddof=1)))
        covered += low <= 12**-0.5 <= high
    assert 0.92 < covered / 400 < 0.99


def test_a_mean_of_subsamples_adds_its_own_spread() -> None:
    given = subsample_interval([1.0, 2.0, 3.0], 50, 100, centre=2.0)
    own = subsample_interval([1.0, 2.0, 3.0], 50, 100)
    assert own[1] - own[0] == pytest.approx((given[1] - given[0]) * math.sqrt(4 / 3))


@pytest.mark.parametrize(("values", "size"), [([1.0], 5), ([1.0, 2.0], 10), ([1.0, 2.0], 0)])
def test_subsamples_that_tell_nothing_are_refused(values: list[float], size: int) -> None:
    with pytest.raises(ConfigError, match="is not usable"):
        subsample_interval(values, size, 10)
