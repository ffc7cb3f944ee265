import logging

import numpy as np
import pytest

from tlx.data.text_csv import TextCSV
from tlx.errors import ConfigError, DataError
from tlx.recipe import build


@pytest.fixture
def write(tmp_path):
    def write(name, labels, texts=None, header="text,label"):
        texts = texts or [f"{name} {number}" for number in range(len(labels))]
        rows = "".join(f"{text},{label}\n" for text, label in zip(texts, labels, strict=True))
        (tmp_path / name).write_text(f"{header}\n{rows}")
        return str(tmp_path / name)

    return write


def counts(splits):
    return [np.bincount(part.labels, minlength=len(splits.classes)).tolist() for part in splits[:3] if part]


FOUR = ["neg"] * 10 + ["pos"] * 20


@pytest.mark.parametrize("val", ["val.csv", "dev.csv", "valid.csv", "validation.csv"])
def test_a_folder_of_files_is_taken_as_it_is(write, tmp_path, val):
    write("train.csv", FOUR)
    write(val, ["pos", "neg", "pos"])
    write("test.csv", ["pos"])
    splits = TextCSV(str(tmp_path)).splits()
    assert splits.classes == ("neg", "pos")
    assert counts(splits) == [[10, 20], [1, 2], [0, 1]]
    assert (splits.val.read(1), splits.val.name(1)) == (f"{val} 1", f"{tmp_path}/{val} row 3")


def test_a_missing_val_is_held_out_of_train(write, tmp_path):
    write("train.csv", FOUR)
    write("test.csv", ["pos"])
    assert counts(TextCSV(str(tmp_path)).splits()) == [[8, 16], [2, 4], [0, 1]]


def test_one_file_alone_is_divided_in_three(write):
    file = write("all.csv", FOUR)
    assert counts(TextCSV(train=file).splits()) == [[6, 12], [2, 4], [2, 4]]
    assert counts(TextCSV(train=file, test_fraction=0.0).splits()) == [[8, 16], [2, 4]]


def test_files_are_looked_up_in_the_root(write, tmp_path):
    write("a.csv", FOUR)
    write("b.csv", ["pos"])
    splits = TextCSV(str(tmp_path), train="a.csv", val="b.csv").splits()
    assert counts(splits) == [[10, 20], [0, 1]]


def test_columns_may_have_other_names(write):
    file = write("a.csv", FOUR, header="sentence,mood")
    assert TextCSV(train=file, text="sentence", label="mood").splits().classes == ("neg", "pos")


def test_whole_numbers_are_sorted_as_numbers(write):
    splits = TextCSV(train=write("a.csv", ["10", "9", "2", "02", "9", "10"] * 3)).splits()
    assert splits.classes == ("2", "9", "10")
    assert counts(splits) == [[4, 4, 4], [1, 1, 1], [1, 1, 1]]


def test_names_are_sorted_as_names_even_when_some_are_numbers(write):
    assert TextCSV(train=write("a.csv", ["10", "9", "b"] * 4)).splits().classes == ("10", "9", "b")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["0", "1", "-1"], "row 4 has the label -1, among numbers"),
        (["0", "0.5", "1"], r"row 3 has the label 0\.5, among numbers"),
        (["a", "", "b"], "row 3 has no label"),
        (["a", "NaN", "b"], "row 3 has no label"),
        (["a", "a"], "the classes are a"),
    ],
)
def test_labels_that_are_no_classes_are_found_with_their_row(write, labels, said):
    with pytest.raises(DataError, match=said):
        TextCSV(train=write("a.csv", labels), val=write("b.csv", labels[:1])).splits()


def test_an_empty_text_is_found_with_its_row(write):
    with pytest.raises(DataError, match=r"a\.csv row 3 has an empty text"):
        TextCSV(train=write("a.csv", ["a", "b"], ["x", "  "])).splits()


def test_a_class_that_train_has_not_is_named_with_its_row(write):
    source = TextCSV(train=write("a.csv", FOUR), val=write("b.csv", ["pos", "odd", "odd"]))
    with pytest.raises(DataError, match=r"val has classes that train has not: odd, .*b\.csv row 3"):
        source.splits()


def test_one_text_in_two_splits_is_said_or_refused(write, caplog):
    files = {"train": write("a.csv", FOUR), "val": write("b.csv", ["pos", "neg"], ["new", "a.csv 3"])}
    with caplog.at_level(logging.WARNING):
        TextCSV(**files).splits()
    assert "a.csv row 5 = " in caplog.text
    assert "b.csv row 3" in caplog.text
    with pytest.raises(DataError, match="1 sample is in two splits"):
        TextCSV(**files, duplicates="error").splits()


def test_its_recipe_is_absolute_and_builds_it_again(write, tmp_path, monkeypatch):
    write("a.csv", FOUR)
    monkeypatch.chdir(tmp_path)
    source = TextCSV(train="a.csv", val_fraction=0.1)
    recipe = source.describe()
    assert recipe["train"] == str(tmp_path / "a.csv")
    again = build(recipe)
    assert again.describe() == recipe
    assert again.splits().train.fingerprint() == source.splits().train.fingerprint()


def test_a_missing_file_says_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=rf"looked for train\.csv in {tmp_path} .*data\.train=FILE"):
        TextCSV(str(tmp_path)).splits()
    with pytest.raises(DataError, match=r"there is no file .*x\.csv.*data\.train="):
        TextCSV(train=str(tmp_path / "x.csv")).splits()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({}, r"data\.root=DIR"), ({"root": "x", "duplicates": "never"}, "'never'"), ({"val_fraction": 0}, "=0")],
)
def test_rejects_arguments_that_cannot_be_used(arguments, named):
    with pytest.raises(ConfigError, match=named):
        TextCSV(**arguments)
