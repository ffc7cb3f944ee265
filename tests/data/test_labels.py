import numpy as np
import pytest

from tlx.data.labels import labels_for
from tlx.errors import DataError


def read(targets, label, *rows, separator="|"):
    labels = labels_for(targets, "a.csv", label, separator)
    for number, row in enumerate(rows, start=2):
        labels.add(number, row if isinstance(row, tuple) else (row,))
    return labels


def array(labels):
    found = labels.array(labels.names())
    return found.tolist(), found.dtype


def test_one_class_is_a_position_among_the_sorted_names():
    labels = read("class", "label", " dog", "ant", "dog")
    assert labels.names() == ("ant", "dog")
    assert array(labels) == ([1, 0, 1], np.int64)
    assert labels.first_rows() == {"dog": "a.csv row 2", "ant": "a.csv row 3"}


def test_values_of_json_are_names_too():
    assert read("class", "label", 10, 9.0, "2").names() == ("2", "9", "10")
    assert read("class", "label", True, False).names() == ("false", "true")


def test_several_classes_in_one_field_with_a_separator_or_in_a_list():
    fields = read("classes", "label", "sea|sand", "", " sea ", "sand|sand")
    listed = read("classes", "label", ["sea", "sand"], [], "sea", ["sand"])
    for labels in (fields, listed):
        assert labels.names() == ("sand", "sea")
        assert array(labels) == ([[1, 1], [0, 0], [0, 1], [1, 0]], np.uint8)
    assert read("classes", "label", "a;b", separator=";").names() == ("a", "b")
    assert read("classes", "label", "10|9", "02").names() == ("2", "9", "10")


def test_numbers_alone_in_one_column_are_no_classes_to_say_yes_to():
    for rows in (["14", "26", "20"], ["1", "0", "1"], [3, None, 4]):
        labels = read("classes", "size", *rows)
        with pytest.raises(
            DataError, match=r"a\.csv.*size.*\d whole numbers.*task=regression.*data\.label=\[size\]"
        ):
            labels.names()
    assert read("classes", "size", "14", "26|20").names() == ("14", "20", "26")
    assert read("classes", "size", [14], [26]).names() == ("14", "26")
    assert read("classes", "size", "7", "").names() == ("7",)


def test_classes_of_train_decide_where_a_class_of_another_split_stands():
    labels = read("classes", "label", "sea", "")
    assert labels.array(("sand", "sea", "sky")).tolist() == [[0, 1, 0], [0, 0, 0]]


def test_several_classes_as_columns_of_0_and_1():
    labels = read("classes", ["sea", "sand"], ("1", "0"), ("0.0", " 1"), (True, 0))
    assert labels.names() == ("sea", "sand")
    assert array(labels) == ([[1, 0], [0, 1], [1, 0]], np.uint8)
    assert array(read("classes", ["sea"], "1", "0"))[0] == [[1], [0]]


def test_numbers_in_one_column_several_or_a_list():
    assert array(read("numbers", "stars", "1", " -2.5e3", 4)) == ([[1], [-2500], [4]], np.float32)
    several = read("numbers", ["x", "y"], ("1", "2"), ("3", "4"))
    assert (several.names(), array(several)[0]) == (("x", "y"), [[1, 2], [3, 4]])
    listed = read("numbers", "box", [1, 2.5], [3, 4])
    assert (listed.names(), array(listed)[0]) == (("box[0]", "box[1]"), [[1, 2.5], [3, 4]])


@pytest.mark.parametrize(
    ("targets", "label", "rows", "said"),
    [
        ("class", "label", ["a", None], "row 3 has no label"),
        ("class", "label", ["a", "nan"], "row 3 has no label"),
        ("class", "label", ["a", ["b"]], "row 3 has several values in label.*task=multilabel"),
        ("class", "label", ["a", {"b": 1}], "row 3 has label inside label"),
        ("classes", "label", ["a", [["b"]]], "row 3 has label inside label"),
        ("classes", "label", [["a", ""]], "row 2 has an empty name"),
        ("classes", ["x", "y"], [("1", "0"), ("1", "2")], "row 3 has '2' for the class y"),
        ("classes", ["x", "y"], [("1", "")], "row 2 has '' for the class y"),
        ("numbers", "stars", ["1", ""], "row 3 has no stars"),
        ("numbers", "stars", ["1", None], "row 3 has no stars"),
        ("numbers", "stars", ["nan"], "row 2 has 'nan' for stars.*finite"),
        ("numbers", "stars", ["inf"], "row 2 has 'inf'"),
        ("numbers", "stars", ["1e39"], "row 2 has '1e39'"),
        ("numbers", "stars", ["four"], "row 2 has 'four'"),
        ("numbers", "stars", ["1_000"], "row 2 has '1_000'"),
        ("numbers", "stars", [True], "row 2 has 'true'"),
        ("numbers", "box", [[1, 2], [3]], "row 3 has 1 numbers where the first row has 2"),
        ("numbers", "box", [[]], "row 2 has 0 numbers"),
    ],
)
def test_a_label_that_is_none_is_named_with_its_row(targets, label, rows, said):
    with pytest.raises(DataError, match=rf"a\.csv {said}"):
        read(targets, label, *rows)


def test_numbers_that_are_no_classes_are_found_with_their_first_row():
    with pytest.raises(DataError, match=r"row 3 has the label 0\.5, among numbers.*task=regression"):
        read("class", "label", "1", "0.5", "2", "0.5").names()


def test_several_columns_are_no_single_class():
    with pytest.raises(DataError, match=r"names 2 columns.*one class.*task=multilabel or task=regression"):
        labels_for("class", "a.csv", ["x", "y"], "|")
    assert read("class", ["x"], "ant").names() == ("ant",)
