import logging
import zlib

import numpy as np
import pytest

from tlx.data.duplicates import copies_in, duplicates_between, report_duplicates
from tlx.errors import DataError


class Counted:
    """Contents that count how many samples are hashed."""

    def __init__(self, strings):
        self.strings, self.hashed = strings, 0

    @property
    def sizes(self):
        return np.array([len(string) for string in self.strings])

    def digest(self, index):
        self.hashed += 1
        return self.strings[index].encode()

    def short_digests(self, indices):
        hashes = [zlib.crc32(self.digest(index)) for index in indices]
        return np.array(hashes, dtype=np.uint64)

    def name(self, index):
        return f"{self.strings[index]}{index}"


def test_pairs_over_two_splits_are_found_and_pairs_within_one_are_not():
    train, val, test = Counted(["aa", "b", "aa", "cc"]), Counted(["aa", "dd"]), Counted(["cc", "dd", "xxx"])
    pairs = duplicates_between({"train": train, "val": val, "test": test})
    assert pairs == [("aa0", "aa0"), ("cc3", "cc0"), ("dd1", "dd1")]


def test_only_samples_of_a_size_that_two_splits_share_are_hashed():
    train, val = Counted(["a", "bb", "ccc", "ddd"]), Counted(["xxx", "yyyy"])
    assert duplicates_between({"train": train, "val": val}) == []
    assert (train.hashed, val.hashed) == (2, 1)


def test_samples_that_other_splits_hold_are_found_and_few_are_hashed():
    split, train, val = Counted(["aa", "b", "cc", "dddd"]), Counted(["cc", "xx", "eee"]), Counted(["aa"])
    assert copies_in(split, (train, val)).tolist() == [True, False, True, False]
    assert (split.hashed, train.hashed, val.hashed) == (2, 2, 1)
    assert copies_in(split, ()).tolist() == [False] * 4


def test_pairs_are_refused_or_said_or_left(caplog):
    pairs = [(f"a{n}", f"b{n}") for n in range(7)]
    with pytest.raises(DataError, match=r"7 samples are in two splits.*a0 = b0.*and 2 more.*duplicates=warn"):
        report_duplicates(pairs, "error")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        report_duplicates(pairs, "ignore")
        report_duplicates([], "error")
        assert caplog.records == []
        report_duplicates(pairs[:1], "warn")
    assert "1 sample is in two splits" in caplog.text
