import numpy as np

from tlx.data.digits import Digits
from tlx.data.duplicates import comparable
from tlx.data.overlap import sample_hashes
from tlx.data.relabelled import Relabelled


def relabelled(count=6, shift=10):
    split = Digits().splits().val.subset(np.arange(count))
    return split, Relabelled(split, split.labels + shift)


def test_only_the_labels_are_others():
    split, other = relabelled()
    assert other.labels.tolist() == (split.labels + 10).tolist()
    assert len(other) == len(split)
    for index in range(len(split)):
        np.testing.assert_array_equal(np.asarray(other.read(index)), np.asarray(split.read(index)))
        assert other.name(index) == split.name(index)
        assert other.digest(index) == split.digest(index)
    assert list(other.entries()) == list(split.entries())
    for ours, theirs in (
        (other.sizes, split.sizes),
        (other.sides(), split.sides()),
        (other.short_digests(np.array([4, 1])), split.short_digests(np.array([4, 1]))),
        (other.hashes(), sample_hashes(split)),
        (other.read_together(np.array([4, 1])), split.read_together(np.array([4, 1]))),
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_a_subset_keeps_samples_and_labels_together():
    split, other = relabelled()
    part = other.subset(np.array([5, 2]))
    assert part.labels.tolist() == (split.labels[[5, 2]] + 10).tolist()
    assert [part.name(0), part.name(1)] == [split.name(5), split.name(2)]


def test_the_fingerprint_follows_samples_and_labels():
    first, again, shifted, fewer = (relabelled(*of)[1] for of in ((6, 10), (6, 10), (6, 11), (5, 10)))
    assert first.fingerprint() == again.fingerprint()
    assert len({split.fingerprint() for split in (first, shifted, fewer)}) == 3


class Own:
    """A split of somebody's own, with what every split must have and no more."""

    labels = np.array([0, 1])

    def __len__(self):
        return 2


def test_what_the_other_split_cannot_do_is_not_promised():
    split = Relabelled(Own(), np.array([1, 0]))
    assert not comparable(split)
    assert split.hashes() is None
    assert comparable(relabelled()[1])
