import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.data.stratified import check_fractions, few_shot, held_out
from tlx.errors import ConfigError, DataError

counts = st.lists(st.integers(3, 40), min_size=2, max_size=5)


def labelled(sizes, seed=0):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(labels).astype(np.int64), [
        f"c{k}" for k in range(len(sizes))
    ]


@given(counts, st.floats(0.05, 0.45), st.floats(0.05, 0.45), st.integers(0, 99))
def test_every_sample_is_in_one_part_and_every_class_in_every_part(sizes, val, test, seed):
    labels, classes = labelled(sizes)
    parts = held_out(labels, (val, test), seed, classes)
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    for part in parts:
        assert set(labels[part]) == set(range(len(sizes)))


def test_shares_by_hand():
    labels, classes = labelled([10, 20])
    rest, val, test = held_out(labels, (0.2, 0.1), 0, classes)
    assert [np.bincount(labels[part]).tolist() for part in (rest, val, test)] == [[7, 14], [2, 4], [1, 2]]


def test_a_share_of_nothing_is_an_empty_part():
    labels, classes = labelled([4, 4])
    rest, val, test = held_out(labels, (0.25, 0.0), 0, classes)
    assert (len(rest), len(val), len(test)) == (6, 2, 0)


def test_the_seed_decides():
    labels, classes = labelled([30, 30])
    first, again, other = (held_out(labels, (0.2,), seed, classes)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_names_the_class_too_small_to_divide():
    labels, classes = labelled([10, 2])
    with pytest.raises(DataError, match=r"too few samples in c1 \(2\).* at least 3 samples per class"):
        held_out(labels, (0.2, 0.2), 0, classes)


@given(counts, st.integers(0, 99), st.data())
def test_a_smaller_draw_is_part_of_a_larger_one(sizes, seed, data):
    labels, classes = labelled(sizes)
    large = data.draw(st.integers(1, min(sizes)))
    small = data.draw(st.integers(1, large))
    many, few = (few_shot(labels, k, seed, classes) for k in (large, small))
    assert set(few) <= set(many)
    assert np.bincount(labels[many]).tolist() == [large] * len(sizes)


def test_draws_of_other_seeds_differ():
    labels, classes = labelled([50, 50])
    assert few_shot(labels, 5, 0, classes).tolist() != few_shot(labels, 5, 1, classes).tolist()


def test_names_the_class_smaller_than_the_draw():
    labels, classes = labelled([10, 4])
    with pytest.raises(DataError, match=r"per_class=5 .* c1 \(4\)\. Try: data\.per_class=4"):
        few_shot(labels, 5, 0, classes)


def test_rejects_a_draw_of_nothing():
    labels, classes = labelled([10, 4])
    with pytest.raises(ConfigError, match="per_class=0"):
        few_shot(labels, 0, 0, classes)


@pytest.mark.parametrize(
    ("val", "test", "seed", "named"),
    [
        (0, 0.1, 0, "val_fraction=0"),
        (0.1, 1, 0, "test_fraction=1"),
        (0.5, 0.5, 0, "1.0"),
        (0.1, 0.1, -1, "=-1"),
    ],
)
def test_rejects_shares_that_leave_nothing(val, test, seed, named):
    with pytest.raises(ConfigError, match=named):
        check_fractions(val, test, seed)
