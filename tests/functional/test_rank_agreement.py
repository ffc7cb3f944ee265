import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tlx.errors import ConfigError
from tlx.functional.rank_agreement import rank_agreement


def plain_tau(x, y, weight=lambda first, second: 1.0):
    """Kendall's tau-b over pairs, with a weight of each pair by places from the top."""
    count = len(x)
    pairs = [(i, j) for i in range(count) for j in range(i)]
    agree, lengths = 0.0, [0.0, 0.0]
    for i, j in pairs:
        w, sx, sy = weight(i, j), np.sign(x[i] - x[j]), np.sign(y[i] - y[j])
        agree += w * sx * sy
        lengths[0] += w * sx * sx
        lengths[1] += w * sy * sy
    return agree / math.sqrt(lengths[0] * lengths[1])


def weighted_tau(x, y):
    def by(ranking):
        places = np.argsort(np.argsort(-np.asarray(ranking)))
        return plain_tau(x, y, lambda i, j: 1 / (1 + places[i]) + 1 / (1 + places[j]))

    return (by(x) + by(y)) / 2


DISTINCT = st.lists(st.integers(0, 1000), min_size=2, max_size=8, unique=True)


@settings(max_examples=25, deadline=None)
@given(DISTINCT, st.randoms())
def test_values_are_those_of_their_definitions(scores, random):
    outcomes = [3.5 * score for score in scores]
    random.shuffle(outcomes)
    found = rank_agreement(scores, outcomes, resamples=100)
    ranks = [np.argsort(np.argsort(numbers)) for numbers in (scores, outcomes)]
    assert found.tau.value == pytest.approx(plain_tau(scores, outcomes), abs=1e-9)
    assert found.weighted_tau.value == pytest.approx(weighted_tau(scores, outcomes), abs=1e-9)
    assert found.spearman.value == pytest.approx(np.corrcoef(ranks)[0, 1], abs=1e-9)
    for agreement in found:
        assert (agreement.low is None) == (len(scores) < 5)
        assert agreement.low is None or -1 <= agreement.low <= agreement.high <= 1


def test_an_exchange_among_the_best_costs_most():
    outcomes = [5, 4, 3, 2, 1]
    best = rank_agreement([4, 5, 3, 2, 1], outcomes, resamples=100)
    worst = rank_agreement([5, 4, 3, 1, 2], outcomes, resamples=100)
    assert best.weighted_tau.value < worst.weighted_tau.value
    assert best.tau.value == worst.tau.value == pytest.approx(0.8)


def test_the_same_order_is_one_and_the_reverse_minus_one():
    scores = [0.1, 0.5, 0.2, 0.9, 0.3, 0.4]
    for agreement in rank_agreement(scores, np.exp(scores), resamples=100):
        assert list(agreement)[:3] == pytest.approx([1, 1, 1])
    for agreement in rank_agreement(scores, np.negative(scores), resamples=100):
        assert list(agreement)[:3] == pytest.approx([-1, -1, -1])


def test_more_models_and_less_confidence_make_it_narrower():
    generator = np.random.default_rng(0)
    scores = generator.normal(size=40)
    outcomes = scores + generator.normal(size=40)
    widths = [
        found.high - found.low
        for found in (
            rank_agreement(scores[:8], outcomes[:8], resamples=200).tau,
            rank_agreement(scores, outcomes, resamples=200).tau,
            rank_agreement(scores, outcomes, confidence=0.5, resamples=200).tau,
        )
    ]
    assert widths[0] > widths[1] > widths[2]


def test_the_same_seed_draws_the_same_interval():
    scores, outcomes = [1, 2, 3, 4, 5, 6], [2, 1, 3, 6, 4, 5]
    first, again, other = (rank_agreement(scores, outcomes, resamples=100, seed=s) for s in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(("models", "p"), [(2, 1.0), (3, 1 / 3), (4, 1 / 12), (5, 1 / 60)])
def test_the_same_order_of_few_models_is_no_surprise(models, p):
    for agreement in rank_agreement(range(models), range(models)):
        assert agreement.value == pytest.approx(1) and agreement.p == pytest.approx(p)


def test_a_p_value_is_that_of_the_exact_distribution_or_of_draws_from_it():
    scores, outcomes = [1, 2, 3, 4, 5], [1, 2, 4, 3, 5]
    exact = stats.kendalltau(scores, outcomes, method="exact").pvalue
    assert rank_agreement(scores, outcomes, resamples=120).tau.p == pytest.approx(exact)
    drawn = rank_agreement(scores, outcomes, resamples=110).tau.p
    assert drawn != exact and drawn == pytest.approx(exact, abs=4 * math.sqrt(exact / 110))


@pytest.mark.filterwarnings("error")
def test_scores_that_are_all_equal_agree_with_nothing():
    for agreement in rank_agreement([1.0] * 6, [1, 2, 3, 4, 5, 6], resamples=100):
        assert math.isnan(agreement.value) and agreement.low is agreement.high is agreement.p is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0]), r"\(2, 1\)"),
        (([1.0], [1.0]), r"\(1, 1\)"),
        (([1.0, math.nan], [1.0, 2.0]), "=nan.*finite"),
        (([1.0, 2.0], [1.0, 2.0], 95), "confidence=95"),
        (([1.0, 2.0], [1.0, 2.0], 0.95, 10), "resamples=10"),
    ],
)
def test_what_cannot_be_ranked_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        rank_agreement(*arguments)
