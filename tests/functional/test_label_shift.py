import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tlx.errors import ConfigError
from tlx.functional.label_shift import label_shift, number_shift


def test_large_counts_are_tested_by_chi_square() -> None:
    first, second = np.array([60, 30, 10]), np.array([30, 40, 30])
    found = label_shift(first, second)
    assert found.test == "chi-square"
    assert found.p == pytest.approx(stats.chi2_contingency([first, second]).pvalue)
    assert found.distance == pytest.approx(0.3)
    assert found.low < 0.3 < found.high


def test_few_samples_of_many_classes_are_dealt_anew() -> None:
    first, second = np.array([3, 1, 1, 0, 0]), np.array([0, 1, 0, 2, 2])
    found = label_shift(first, second, resamples=20_000)
    table = np.stack([first, second])
    exact = stats.chi2_contingency(
        table,
        correction=False,
        method=stats.PermutationMethod(n_resamples=20_000, rng=np.random.default_rng(1)),
    )
    assert found.test == "permutation"
    assert found.p == pytest.approx(exact.pvalue, abs=0.02)


def test_equal_shares_are_no_shift_and_few_samples_are_no_evidence() -> None:
    same = label_shift(np.array([50, 50]), np.array([500, 500]))
    assert (same.distance, same.p) == (0, 1)
    assert same.low == 0
    assert label_shift(np.array([4, 0]), np.array([1, 3])).p > 0.1
    assert label_shift(np.array([4, 0]), np.array([3, 0])).p == 1


@pytest.mark.parametrize("counts", [(0.5, 0.5), (0.7, 0.2, 0.07, 0.03), (0.1,) * 10], ids=str)
def test_equal_distributions_are_told_apart_as_rarely_as_the_level_says(counts: tuple[float, ...]) -> None:
    draw = np.random.default_rng(0)
    found = [
        label_shift(draw.multinomial(60, counts), draw.multinomial(30, counts), resamples=200).p < 0.05
        for _ in range(300)
    ]
    assert np.mean(found) < 0.09


def test_the_interval_holds_the_true_distance() -> None:
    draw = np.random.default_rng(0)
    first, second = np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.3, 0.3])
    held = []
    for _ in range(200):
        found = label_shift(draw.multinomial(300, first), draw.multinomial(150, second), resamples=300)
        held.append(found.low <= 0.2 <= found.high)
    assert 0.9 < np.mean(held) < 0.99


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=6), st.randoms())
def test_the_order_of_classes_and_of_samples_does_not_matter(counts: list[int], random: object) -> None:
    first, second = np.array(counts) + 6, np.array(counts)[::-1] + 6
    found, other = label_shift(first, second, resamples=100), label_shift(second, first, resamples=100)
    assert found.distance == other.distance
    assert found.p == pytest.approx(other.p)


def test_numbers_are_compared_by_their_cumulative_shares() -> None:
    draw = np.random.default_rng(0)
    first, second = draw.normal(0, 1, 200), draw.normal(0.5, 1, 100)
    found = number_shift(first, second)
    expected = stats.ks_2samp(first, second)
    assert (found.distance, found.p) == (expected.statistic, expected.pvalue)
    assert found.low < found.distance < found.high


@pytest.mark.parametrize(
    ("first", "second"), [([1, 2], [1, 2, 3]), ([0, 0], [1, 2]), ([-1, 2], [1, 2]), ([], [])]
)
def test_counts_that_are_none_are_refused(first: list[int], second: list[int]) -> None:
    with pytest.raises(ConfigError, match="counts"):
        label_shift(np.array(first), np.array(second))


def test_other_arguments_are_refused() -> None:
    pair = np.array([1, 2]), np.array([2, 1])
    with pytest.raises(ConfigError, match="confidence"):
        label_shift(*pair, confidence=1)
    with pytest.raises(ConfigError, match="resamples"):
        label_shift(*pair, resamples=9)
    with pytest.raises(ConfigError, match="at least one number"):
        number_shift(np.array([]), np.array([1.0]))


def test_thousands_of_classes_take_little_memory() -> None:
    counts = np.full(20_000, 3, dtype=np.int64)
    tracemalloc.start()
    found = label_shift(counts, counts, resamples=400)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.distance, found.p) == (0.0, 1.0)
    assert most < 100e6  # of which importing scipy takes a part; all draws at once take more than 64e6 each
