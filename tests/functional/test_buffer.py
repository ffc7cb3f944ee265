import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tlx.functional.buffer import balanced, reservoir


def test_every_item_is_held_with_the_same_probability() -> None:
    held = np.zeros(20)
    for seed in range(4000):
        held[reservoir(20, 5, seed)] += 1
    assert np.abs(held / 4000 - 0.25).max() < 0.03  # four standard errors


@given(st.integers(0, 300), st.integers(1, 50), st.integers(0, 9))
def test_a_reservoir_is_full_never_more_and_holds_positions_once(count: int, size: int, seed: int) -> None:
    found = reservoir(count, size, seed)
    assert len(found) == min(count, size)
    assert len(set(found.tolist())) == len(found)
    assert (np.diff(found) > 0).all() and set(found.tolist()) <= set(range(count))


@given(st.integers(2, 100), st.integers(1, 20), st.integers(0, 9))
def test_a_longer_stream_only_lets_later_items_take_the_place_of_earlier_ones(
    count: int, size: int, seed: int
) -> None:
    before, after = set(reservoir(count, size, seed).tolist()), set(reservoir(count + 1, size, seed).tolist())
    assert after - before <= {count}


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(1, 40), st.integers(0, 9))
def test_classes_are_balanced_as_far_as_they_have_samples(labels: list[int], size: int, seed: int) -> None:
    array = np.array(labels)
    chosen = balanced(array, size, seed)
    assert len(chosen) == min(size, len(labels))
    counts, whole = np.bincount(array[chosen], minlength=5), np.bincount(array, minlength=5)
    open_ones = counts[counts < whole]
    assert not len(open_ones) or counts.max() - open_ones.min() <= 1


def test_within_a_class_every_item_is_held_with_the_same_probability() -> None:
    labels = np.array([0] * 12 + [1] * 6)
    held = np.zeros(len(labels))
    for seed in range(4000):
        held[balanced(labels, 6, seed)] += 1
    expected = np.array([3 / 12] * 12 + [3 / 6] * 6)
    assert np.abs(held / 4000 - expected).max() < 0.032  # four standard errors
