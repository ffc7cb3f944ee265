import logging

import numpy as np
import pytest

from tlx.data.checks import (
    Faults,
    check_known_classes,
    check_splits,
    duplicates_between,
    remember,
    remembered,
    report_duplicates,
)
from tlx.data.packed import PackedStrings
from tlx.data.texts import Texts
from tlx.errors import DataError
from tlx.types import Splits


def texts(strings, labels=None, file="f.csv"):
    count = len(strings)
    labels = np.array(labels if labels is not None else [0] * count, dtype=np.int64)
    rows = np.arange(2, count + 2)
    return Texts((file,), PackedStrings.of(strings), labels, np.zeros(count, dtype=np.int64), rows)


def splits(labels, classes=("a", "b")):
    part = texts(["x"] * len(labels), labels)
    return Splits(part, part, None, tuple(classes))


def test_sound_data_passes():
    check_splits(splits([0, 1, 1]))


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        ([0, 0], ("a",), "nothing to tell apart: the classes are a"),
        ([], (), "nothing to tell apart: the classes are none"),
        ([0, 1], ("a", "a"), "stand twice: a"),
        ([], ("a", "b"), "the train split has no samples"),
        (
            [0, 1, 2, 3],
            ("a", "b"),
            r"train split are outside 0\.\.1: 2 of them, the first is 2 at f\.csv row 4",
        ),
        ([0, -1], ("a", "b"), r"the first is -1 at f\.csv row 3"),
        ([0, 0], ("a", "b"), "without a training sample: b"),
    ],
)
def test_data_that_cannot_be_learnt_from_is_refused(labels, classes, said):
    with pytest.raises(DataError, match=said):
        check_splits(splits(labels, classes))


def test_a_class_may_be_missing_in_val_but_val_may_not_be_empty():
    train = texts(["x", "y"], [0, 1])
    check_splits(Splits(train, texts(["z"], [1]), None, ("a", "b")))
    with pytest.raises(DataError, match="the val split has no samples"):
        check_splits(Splits(train, texts([]), None, ("a", "b")))


def test_faults_show_the_first_few_and_the_count():
    faults = Faults()
    faults.refuse("here")
    for number in range(7):
        faults.add(f"{number}.jpg", "empty file")
    with pytest.raises(DataError) as caught:
        faults.refuse("here")
    line = caught.value.line()
    assert "7 files cannot be used: 0.jpg (empty file), 1.jpg" in line
    assert "4.jpg (empty file) and 2 more, here. Try: " in line
    assert "5.jpg" not in line


def test_classes_that_training_has_not_are_named_with_a_place():
    check_known_classes("val", {"a": "here"}, ("a", "b"))
    with pytest.raises(DataError, match=r"val has classes that train has not: c, d, row 4\..*it has a, b"):
        check_known_classes("val", {"a": "row 2", "d": "row 9", "c": "row 4"}, ("a", "b"))


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


def test_pairs_are_refused_or_said_or_left(caplog):
    pairs = [(f"a{n}", f"b{n}") for n in range(7)]
    with pytest.raises(DataError, match=r"7 samples are in two splits.*a0 = b0.*and 2 more.*duplicates=warn"):
        report_duplicates(pairs, "error")
    with caplog.at_level(logging.WARNING):
        report_duplicates(pairs, "ignore")
        report_duplicates([], "error")
        assert caplog.records == []
        report_duplicates(pairs[:1], "warn")
    assert "1 sample is in two splits" in caplog.text


def test_what_came_out_well_is_remembered_by_its_whole_key():
    remember("images", "/data", "1")
    assert remembered("images", "/data", "1")
    assert not remembered("images", "/data", "2")


def test_a_cache_that_cannot_be_written_only_costs_time(own_cache, monkeypatch):
    (own_cache / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_cache / "file"))
    remember("key")
    assert not remembered("key")
