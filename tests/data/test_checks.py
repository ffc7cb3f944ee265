import numpy as np
import pytest

from tlx.data.checks import Faults, check_known_classes, check_one_class, check_splits
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
    assert list(faults)[5:] == [("5.jpg", "empty file"), ("6.jpg", "empty file")]


def test_classes_that_training_has_not_are_named_with_a_place():
    check_known_classes("val", {"a": "here"}, ("a", "b"))
    with pytest.raises(DataError, match=r"val has classes that train has not: c, d, row 4\..*it has a, b"):
        check_known_classes("val", {"a": "row 2", "d": "row 9", "c": "row 4"}, ("a", "b"))


def labelled(labels, names, targets, dtype):
    part = texts(["x"] * len(labels))
    part.labels = np.array(labels, dtype=dtype)
    check_splits(Splits(part, part, None, tuple(names)), targets)


def test_samples_of_several_classes_and_of_none_pass():
    labelled([[1, 1], [0, 0]], "ab", "classes", np.uint8)
    labelled([[1], [0]], "a", "classes", np.uint8)
    labelled([[1.5, -2], [0, 0]], "ab", "numbers", np.float32)


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [
        ([[1, 0], [1, 0]], "ab", "without a training sample: b"),
        ([[1, 0], [2, 1]], "ab", r"neither 0 nor 1: 1 of them, the first is \[2 1\] at f\.csv row 3"),
        ([[1, 0, 1]], "ab", r"needs any number of classes.*shape \(1, 2\).*shape \(1, 3\)"),
        ([[1, 1]], "aa", "stand twice: a"),
    ],
)
def test_classes_that_cannot_be_learnt_are_refused(labels, names, said):
    with pytest.raises(DataError, match=said):
        labelled(labels, names, "classes", np.uint8)


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [
        ([[1, 2], [np.nan, 3]], "ab", r"not finite: 1 of them, the first is \[nan +3\.\] at f\.csv row 3"),
        ([[1], [np.inf]], "a", "not finite"),
        ([[1, 2], [3, 2]], "ab", "the same in every training sample: b"),
        ([], "", "no number to learn"),
        ([[1, 2]], "aa", "number names that stand twice: a"),
    ],
)
def test_numbers_that_cannot_be_learnt_are_refused(labels, names, said):
    with pytest.raises(DataError, match=said):
        labelled(labels, names, "numbers", np.float32)


def test_labels_of_another_kind_than_the_task_needs_are_refused():
    with pytest.raises(DataError, match=r"needs numbers for each sample, .* has int64 of shape \(2,\)"):
        check_splits(splits([0, 1]), "numbers")


def test_one_class_alone_is_refused_with_data_that_has_more():
    check_one_class("class", "a folder")
    with pytest.raises(
        DataError, match="needs any number of classes.*a folder has one class.*data=image_csv"
    ):
        check_one_class("classes", "a folder")
