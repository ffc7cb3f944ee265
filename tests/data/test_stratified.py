from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.data.packed import PackedStrings
from tlx.data.stratified import check_fractions, divided, few_shot, held_out, in_proportion
from tlx.data.texts import Texts
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


def multilabelled(samples, classes, seed):
    rng = np.random.default_rng(seed)
    rates = 1 / (1 + np.arange(classes)) ** 1.5
    return (rng.random((samples, classes)) < rates * 0.6).astype(np.uint8)


@given(st.integers(3, 60), st.integers(1, 6), st.integers(0, 99), st.integers(0, 9))
def test_several_classes_are_divided_with_every_class_in_what_stays(samples, classes, seed, draw):
    labels = multilabelled(samples, classes, draw)
    parts = held_out(labels, (0.2, 0.2), seed, [str(k) for k in range(classes)])
    assert sorted(np.concatenate(parts)) == list(range(samples))
    assert (labels[parts[0]].any(axis=0) == labels.any(axis=0)).all()


def test_the_shares_of_several_classes_come_close_to_those_asked_for():
    labels = multilabelled(2000, 8, 0)
    rest, val, test = held_out(labels, (0.2, 0.1), 0, [])
    for part, share in ((rest, 0.7), (val, 0.2), (test, 0.1)):
        assert len(part) == pytest.approx(2000 * share, rel=0.02)
        wanted = labels.sum(axis=0) * share
        assert (np.abs(labels[part].sum(axis=0) - wanted) <= np.maximum(0.05 * wanted, 1)).all()


def test_a_rare_class_of_several_goes_to_train_then_val_then_test():
    labels = np.zeros((40, 3), dtype=np.uint8)
    labels[0, 0] = labels[5:7, 1] = labels[10:13, 2] = 1
    counts = [labels[part].sum(axis=0).tolist() for part in held_out(labels, (0.2, 0.2), 0, [])]
    assert counts == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]


def test_samples_of_several_classes_follow_the_seed():
    labels = multilabelled(100, 3, 0)
    first, again, other = (held_out(labels, (0.2,), seed, [])[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


@given(st.integers(3, 200), st.integers(0, 99))
def test_numbers_are_divided_by_their_quantiles(samples, seed):
    numbers = np.random.default_rng(seed).normal(size=(samples, 2)).astype(np.float32)
    parts = held_out(numbers, (0.2, 0.2), seed, ["x", "y"])
    assert sorted(np.concatenate(parts)) == list(range(samples))
    assert all(len(part) for part in parts)
    assert len(parts[1]) == len(parts[2]) == pytest.approx(samples * 0.2, abs=5)


def test_every_decile_of_a_number_is_in_every_part_even_when_many_are_equal():
    numbers = np.concatenate([np.zeros(500), np.arange(500)])[:, None].astype(np.float32)
    order = np.random.default_rng(0).permutation(1000)
    for part, share in zip(held_out(numbers[order], (0.2, 0.1), 0, ["x"]), (0.7, 0.2, 0.1), strict=True):
        found = np.sort(numbers[order][part][:, 0])
        assert (found == 0).sum() == pytest.approx(500 * share, abs=1)
        tenths = np.histogram(found[found > 0], bins=5, range=(0, 500))[0]
        assert tenths.tolist() == pytest.approx([100 * share] * 5, abs=1)


def test_too_few_numbers_to_divide_are_said():
    with pytest.raises(DataError, match=r"cannot hold out 0\.2 and 0\.2 of 2 samples"):
        held_out(np.ones((2, 1), dtype=np.float32), (0.2, 0.2), 0, ["x"])


@given(st.integers(10, 60), st.integers(1, 4), st.integers(0, 9))
def test_a_draw_of_several_classes_has_so_many_of_each_and_holds_every_smaller_one(samples, classes, seed):
    labels = multilabelled(samples, classes, seed)
    labels[:5] = 1
    names = [str(k) for k in range(classes)]
    many, few = few_shot(labels, 5, seed, names), few_shot(labels, 2, seed, names)
    assert set(few) <= set(many)
    assert len(set(many)) == len(many) <= 5 * classes
    assert labels[many].sum(axis=0).min() >= 5


def test_a_draw_of_several_classes_names_the_class_that_is_smaller_and_numbers_have_none():
    labels = np.array([[1, 0], [1, 1], [1, 0]], dtype=np.uint8)
    with pytest.raises(DataError, match=r"per_class=2 .* b \(1\)\. Try: data\.per_class=1"):
        few_shot(labels, 2, 0, ["a", "b"])
    with pytest.raises(ConfigError, match=r"per_class=2 draws from classes.*numbers.*data\.per_class=null"):
        few_shot(labels.astype(np.float32), 2, 0, ["a", "b"])


def test_many_classes_are_divided_and_drawn_in_one_pass():
    labels = np.tile(np.arange(4_000), 4)
    names = [str(k) for k in range(4_000)]
    rest, val = held_out(labels, (0.2,), 0, names)
    assert np.bincount(labels[val]).tolist() == [1] * 4_000
    assert len(few_shot(labels[rest], 1, 0, names)) == 4_000


def part(labels):
    count = np.arange(len(labels))
    return Texts(("f",), PackedStrings.of(map(str, count)), np.array(labels), 0 * count, count)


def test_only_what_a_data_set_lacks_is_held_out():
    train, other = part([0, 1] * 10), part([0, 1])

    def sizes(**found):
        return [split and len(split) for split in divided(found, (0.2, 0.3), 0, "ab")[:3]]

    assert sizes(train=train) == [10, 4, 6]
    assert sizes(train=train, val=other) == [20, 2, None]
    assert sizes(train=train, test=other) == [16, 4, 2]
    assert sizes(train=train, val=other, test=other) == [20, 2, 2]


@given(st.lists(st.integers(0, 40), min_size=2, max_size=30).filter(any), st.integers(0, 99), st.data())
def test_a_draw_in_proportion_keeps_shares_and_every_class_that_there_is_room_for(sizes, seed, data):
    labels, _ = labelled(sizes, seed)
    count = data.draw(st.integers(0, len(labels)))
    chosen = in_proportion(labels, count, seed)
    assert len(chosen) == count and len(set(chosen.tolist())) == count
    found = np.bincount(labels[chosen], minlength=len(sizes))
    present = [size for size in sizes if size]
    if count >= len(present):
        assert all(found[np.array(sizes) > 0] >= 1)
        taken = [int(place) for place in found]
        share = max(Fraction(place - 1, size) for size, place in zip(sizes, taken, strict=True) if size)
        assert all(place >= share * size for size, place in zip(sizes, taken, strict=True))
    smaller = in_proportion(labels, count // 2, seed)
    assert set(smaller.tolist()) <= set(chosen.tolist())


def test_classes_late_in_a_folder_are_drawn_as_often_as_early_ones():
    labels = np.repeat(np.arange(300), 20)
    found = np.bincount(labels[in_proportion(labels, 5000, 0)], minlength=300)
    assert set(found.tolist()) == {16, 17} and found[:150].sum() == pytest.approx(2500, abs=60)
    few = labels[in_proportion(labels, 100, 0)]
    assert len(set(few.tolist())) == 100 and few.max() > 200


def test_of_several_labels_each_samples_are_drawn_as_they_come():
    chosen = in_proportion(np.zeros((30, 2), np.float32), 10, 0)
    assert len(set(chosen.tolist())) == 10
    assert set(in_proportion(np.zeros((30, 2), np.float32), 5, 0)) < set(chosen)
