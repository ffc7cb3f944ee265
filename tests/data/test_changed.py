import hashlib

import numpy as np

from tlx.data.changed import Changed
from tlx.data.duplicates import comparable
from tlx.data.offers import offers
from tlx.data.overlap import sample_hashes
from tlx.data.pixels import Pixels

GREY = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
KEY = bytes(range(1, 33))


def split() -> Pixels:
    return Pixels("set", GREY, np.arange(3), np.array([2, 0, 1]))


def test_labels_names_and_sizes_are_those_of_the_other_split() -> None:
    found, other = Changed(split(), KEY), split()
    assert (len(found), found.labels.tolist()) == (3, other.labels.tolist())
    assert [found.name(index) for index in range(3)] == [other.name(index) for index in range(3)]
    assert found.sizes.tolist() == other.sizes.tolist()


def test_every_hash_differs_with_the_change_and_agrees_with_the_others() -> None:
    found, again, other = Changed(split(), KEY), Changed(split(), KEY), Changed(split(), KEY[::-1])
    rows = np.arange(3)
    assert found.fingerprint() == hashlib.sha256(split().fingerprint().encode() + KEY).hexdigest()
    assert found.digest(1) == again.digest(1) not in (split().digest(1), other.digest(1))
    assert [int.from_bytes(found.digest(row)[:8], "big") for row in rows] == found.short_digests(
        rows
    ).tolist()
    assert found.digest(1)[8:] == split().digest(1)[8:]
    hashes, unchanged = sample_hashes(found), sample_hashes(split())
    assert hashes is not None and unchanged is not None
    assert not set(hashes.tolist()) & set(unchanged.tolist())


def test_it_can_do_what_the_other_one_can_and_no_more() -> None:
    class Bare:
        labels = np.zeros(1, dtype=np.int64)

        def __len__(self) -> int:
            return 1

    assert comparable(Changed(split(), KEY))
    assert not offers(Changed(Bare(), KEY), "sizes")  # type: ignore[arg-type]  # it lacks what it must have
