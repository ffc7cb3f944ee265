import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.probing.strengths import best_strength, strengths


def test_they_are_evenly_spaced_and_both_ends_are_exact():
    found = strengths(1e-6, 1e6, 8)
    assert (found[0], found[-1], len(found)) == (1e6, 1e-6, 97)
    ratios = [second / first for first, second in itertools.pairwise(found)]
    assert ratios == pytest.approx([10 ** (-1 / 8)] * 96)
    assert strengths(1.0, 1.5, 1) == (1.5, 1.0)


@pytest.mark.parametrize("arguments", [(0, 1), (1, 1), (1, math.inf), (1e-3, 1, 0)])
def test_a_range_that_is_none_is_refused(arguments):
    with pytest.raises(ConfigError, match=r"low and high=\(|per_decade=0"):
        strengths(*arguments)


@settings(deadline=None)
@given(
    st.integers(1, 120).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))), st.integers(1, 20)
)
def test_of_one_peak_both_searches_find_it(case, stride):
    count, peak = case
    calls = []

    def score(place):
        calls.append(place)
        return -(abs(place - peak) ** 1.5)

    assert best_strength(score, count, stride) == peak
    assert len(calls) == len(set(calls)) and all(0 <= place < count for place in calls)
    assert best_strength(score, count, stride, "full") == peak


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 20))
def test_whatever_the_scores_the_best_of_what_was_tried_is_found(scores, stride):
    tried = {}
    found = best_strength(lambda place: tried.setdefault(place, scores[place]), len(scores), stride)
    assert tried[found] == max(tried.values()) and found == min(p for p in tried if tried[p] == tried[found])
    assert best_strength(scores.__getitem__, len(scores), stride, "full") == scores.index(max(scores))


def test_the_search_of_clip_tries_at_most_fifteen_of_its_strengths():
    for peak in range(97):
        tried = []
        best_strength(lambda place, peak=peak, tried=tried: tried.append(place) or -abs(place - peak), 97, 16)
        assert len(tried) <= 15


def test_an_unknown_search_is_refused():
    with pytest.raises(ConfigError, match="no search 'binray'.*Try: binary"):
        best_strength(float, 3, 1, "binray")
