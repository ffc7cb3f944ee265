import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.data.concatenated import Concatenated
from tlx.data.duplicates import comparable
from tlx.data.pixels import Pixels

SIZES = (3, 0, 2, 4)
NAMES = [f"{part} row {row}" for part, size in zip("abcd", SIZES, strict=True) for row in range(size)]


def pixels(table, count, start):
    images = np.arange(start, start + count, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(3, 2)
    return Pixels(table, images, np.arange(start, start + count), np.arange(count))


def parts():
    starts = np.cumsum([0, *SIZES])
    return [pixels(table, n, start) for table, n, start in zip("abcd", SIZES, starts, strict=False)]


def shown(split):
    """Every way to see which sample is where."""
    return (
        [split.name(i) for i in range(len(split))],
        [NAMES[int(np.asarray(split.read(i))[0, 0])] for i in range(len(split))],
        [NAMES[label] for label in split.labels],
    )


@pytest.fixture
def whole():
    return Concatenated(parts())


def test_samples_stand_one_part_after_the_other(whole):
    assert len(whole) == 9
    assert shown(whole) == (NAMES, NAMES, NAMES)
    assert whole.starts == (0, 3, 3, 5)
    assert shown(whole.subset(np.arange(whole.starts[-1], len(whole))))[0] == [f"d row {i}" for i in range(4)]


@given(st.lists(st.integers(0, 8), max_size=12), st.lists(st.integers(0, 11), max_size=6))
def test_any_subset_of_a_subset_has_its_samples_in_its_order(indices, draws):
    whole = Concatenated(parts())
    part = whole.subset(np.array(indices, dtype=np.int64))
    wanted = [NAMES[i] for i in indices]
    assert shown(part) == (wanted, wanted, wanted)
    again = [draw % len(indices) for draw in draws] if indices else []
    wanted = [NAMES[indices[i]] for i in again]
    smaller = part.subset(np.array(again, dtype=np.int64))
    assert shown(smaller) == (wanted, wanted, wanted)
    entries = [name.partition(" of part")[0] for name, _ in smaller.entries()]
    assert entries == wanted
    digests = [smaller.digest(i)[:8] for i in range(len(smaller))]
    assert [int.from_bytes(d, "big") for d in digests] == smaller.hashes().tolist()
    assert smaller.short_digests(np.arange(len(smaller))).tolist() == smaller.hashes().tolist()
    if again:
        together = smaller.read_together(np.arange(len(smaller)))
        assert [NAMES[pixels[0, 0]] for pixels in together] == wanted
    assert smaller.sizes.tolist() == [6] * len(smaller)
    assert smaller.sides().tolist() == [[2, 3]] * len(smaller)


def test_a_part_starts_where_its_first_sample_is_as_long_as_no_order_mixes_them(whole):
    assert whole.subset(np.array([2, 1, 4, 8, 6])).starts == (0, 2, 2, 3)
    mixed = whole.subset(np.array([4, 0, 3]))
    assert mixed.starts == ()
    assert mixed.subset(np.array([1])).starts == (0, 1, 1, 1)


def test_the_fingerprint_is_that_of_the_parts_and_their_order(whole):
    orders = ([0, 4], [4, 0], [0, 3], [4, 0, 4])
    prints = [whole.subset(np.array(order)).fingerprint() for order in orders]
    assert len({*prints, whole.fingerprint()}) == 5
    assert Concatenated(parts()).fingerprint() == whole.fingerprint()
    assert whole.subset(np.array([4, 0])).fingerprint() == prints[1]
    assert Concatenated(parts()[::-1]).fingerprint() != whole.fingerprint()


def test_the_same_sample_in_two_parts_has_two_entries():
    same = Concatenated([parts()[0], parts()[0]])
    names = [name for name, _ in same.entries()]
    assert len(set(names)) == len(names) == 6
    assert names[3] == "a row 0 of part 1"


class Own:
    """A split of somebody's own, with what every split must have and no more."""

    labels = np.array([0, 1])

    def __len__(self):
        return 2


def test_what_one_part_cannot_do_is_not_promised(whole):
    assert comparable(whole)
    assert not comparable(Concatenated([parts()[0], Own()]))
    assert Concatenated([parts()[0], Own()]).hashes() is None


def test_images_of_two_sizes_are_no_array():
    wide = Pixels("wide", np.zeros((2, 2, 5), np.uint8), np.zeros(2, np.int64), np.arange(2))
    both = Concatenated([*parts(), wide])
    assert both.read_together(np.array([0, 9])) is None
    assert both.read_together(np.array([10, 9])).shape == (2, 2, 5)
    assert both.read_together(np.array([0, 8])).shape == (2, 2, 3)
