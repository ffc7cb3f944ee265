import logging
import os
import shutil

import numpy as np
import pytest

from tlx.data import image_checks
from tlx.data.datamodule import TransferData
from tlx.data.folder import Folder
from tlx.errors import ConfigError, DataError
from tlx.recipe import build


def counts(splits):
    return {
        word: np.bincount(part.labels, minlength=len(splits.classes)).tolist()
        for word, part in zip(("train", "val", "test"), splits[:3], strict=True)
        if part is not None
    }


TWO = {"ant": 10, "bee": 20}


def test_a_folder_per_split_is_taken_as_it_is(image_folder):
    root = image_folder({"train": TWO, "val": {"ant": 1, "bee": 2}, "test": {"ant": 3, "bee": 1}})
    splits = Folder(str(root)).splits()
    assert counts(splits) == {"train": [10, 20], "val": [1, 2], "test": [3, 1]}
    assert splits.classes == ("ant", "bee")
    assert splits.val.name(0) == str(root / "val/ant/0.png")
    assert splits.val.read(0).size == (12, 10)


def test_without_a_test_folder_there_is_no_test_split(image_folder):
    root = image_folder({"train": TWO, "val": {"ant": 1, "bee": 2}})
    assert counts(Folder(str(root)).splits()) == {"train": [10, 20], "val": [1, 2]}


@pytest.mark.parametrize("test", [{}, {"test": {"ant": 3, "bee": 1}}])
def test_a_missing_val_is_held_out_of_train(image_folder, test):
    root = image_folder({"train": TWO, **test})
    splits = Folder(str(root)).splits()
    found = counts(splits)
    assert (found["train"], found["val"]) == ([8, 16], [2, 4])
    assert found.get("test") == ([3, 1] if test else None)
    again = Folder(str(root)).splits()
    assert again.val.fingerprint() == splits.val.fingerprint()
    assert Folder(str(root), split_seed=1).splits().val.fingerprint() != splits.val.fingerprint()


def test_a_folder_of_classes_is_divided_in_three(image_folder):
    root = image_folder({"": TWO})
    assert counts(Folder(str(root)).splits()) == {"train": [6, 12], "val": [2, 4], "test": [2, 4]}
    assert counts(Folder(str(root), test_fraction=0.0).splits()) == {"train": [8, 16], "val": [2, 4]}


def test_split_folders_may_have_other_names_or_be_left_out(image_folder):
    root = image_folder({"learn": TWO, "check": {"ant": 1, "bee": 2}, "test": {"ant": 1}})
    splits = Folder(str(root), train="learn", val="check", test=None).splits()
    assert counts(splits) == {"train": [10, 20], "val": [1, 2]}


def test_a_root_of_classes_may_be_said_to_be_one(image_folder):
    root = image_folder({"": {"train": 5, "plane": 5}})
    assert Folder(str(root), train=None).splits().classes == ("plane", "train")


def test_the_classes_of_train_are_imposed_on_val(image_folder):
    root = image_folder({"train": {"ant": 2, "bee": 2, "cat": 2}, "val": {"cat": 1, "bee": 2}})
    splits = Folder(str(root)).splits()
    assert counts(splits)["val"] == [0, 2, 1]


def test_a_class_that_train_has_not_is_named_unless_it_is_empty(image_folder):
    root = image_folder({"train": TWO, "val": {"ant": 1, "wasp": 0}})
    assert counts(Folder(str(root)).splits())["val"] == [1, 0]
    image_folder({"val": {"wasp": 1}}, root)
    with pytest.raises(DataError, match="val has classes that train has not: wasp") as caught:
        Folder(str(root)).splits()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("tree", "arguments", "said"),
    [
        ({"train": {"ant": 3, "bee": 0}}, {}, r"without an image: bee, .*\.jpg"),
        ({"train": {"ant": 3}}, {}, "at least two class folders in .*train, found only 'ant'"),
        ({"train": {"": 3}}, {}, "found images without a class folder"),
        ({"": {}}, {}, "at least two class folders"),
        ({"val": TWO}, {}, r"folder 'val', but none to train on.*data\.train=NAME.*there are val"),
        ({"train": TWO, "valid": TWO}, {}, r"no folder 'val', but 'valid'.*Try: data\.val=valid"),
        ({"train": TWO}, {"val": "check"}, r"no folder 'check' for data\.val.*data\.val=null for none"),
        ({"train": TWO, "test": {"ant": 0}}, {}, "folder for test has no image"),
        ({"train": {"ant": 9, "bee": 1}}, {}, r"too few samples in bee \(1\)"),
    ],
)
def test_a_layout_that_does_not_fit_is_said_with_a_way_out(image_folder, tmp_path, tree, arguments, said):
    root = tmp_path / "images"
    root.mkdir()
    image_folder(tree)
    with pytest.raises(DataError, match=said):
        Folder(str(root), **arguments).splits()


def test_a_root_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=rf"{tmp_path}/none does not exist"):
        Folder(str(tmp_path / "none")).splits()
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file is not a folder"):
        Folder(str(tmp_path / "file")).splits()


def test_files_that_cannot_be_used_are_all_said_before_training(image_folder):
    root = image_folder({"train": TWO, "val": {"ant": 1, "bee": 1}})
    (root / "train/ant/words.jpg").write_text("words")
    (root / "val/bee/folder.png").mkdir()
    with pytest.raises(DataError, match=r"2 files cannot be used: .*folder\.png.*words\.jpg") as caught:
        Folder(str(root)).splits()
    assert caught.value.exit_code == 3
    with pytest.raises(DataError, match=r"1 file cannot be used: val/bee/folder\.png"):
        Folder(str(root), check="none").splits()


@pytest.mark.parametrize("check", ["decode", "none"])
def test_files_that_cannot_be_used_are_left_out_on_request_before_anything_is_divided(
    image_folder, caplog, check
):
    root = image_folder({"train": TWO})
    clean = Folder(str(root)).splits()
    (root / "train/ant/dead.png").symlink_to("nowhere")
    if check == "decode":
        (root / "train/bee/words.jpg").write_text("words")
    for _ in range(2):  # the second time from what is remembered
        data = TransferData(Folder(str(root), check=check, bad_files="skip"))
        with caplog.at_level(logging.WARNING):
            assert data.splits.train.fingerprint() == clean.train.fingerprint()
        assert dict(data.skipped) == {"train/ant/dead.png": "a link to nothing"} | (
            {"train/bee/words.jpg": "not an image"} if check == "decode" else {}
        )
    files = "2 files are" if check == "decode" else "1 file is"
    assert f"{files} left out of {root}: train/ant/dead.png" in caplog.text


def test_a_left_out_file_that_was_repaired_makes_it_other_data(image_folder, write_image):
    root = image_folder({"train": TWO})
    (root / "train/ant/late.png").write_text("words")
    before, again = (TransferData(Folder(str(root), bad_files="skip")).fingerprint() for _ in range(2))
    write_image(root / "train/ant/late.png")
    assert before == again != TransferData(Folder(str(root), bad_files="skip")).fingerprint()


def test_a_class_whose_files_are_all_left_out_is_refused(image_folder):
    root = image_folder({"train": {"ant": 3}})
    (root / "train/bee").mkdir()
    (root / "train/bee/0.png").write_text("words")
    with pytest.raises(DataError, match="without an image that can be read; 1 file is left out: bee"):
        Folder(str(root), bad_files="skip").splits()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"check": "header"},
            r"data\.check=decode data\.bad_files=skip: before training only headers were read",
        ),
        (
            {"check": "none", "bad_files": "skip"},
            r"data\.check=decode: before training nothing was read, and .*order of the samples",
        ),
        ({"check": "decode", "bad_files": "skip"}, "the file as it was when training began"),
    ],
)
def test_a_file_that_turns_out_bad_while_training_is_named_with_a_way_out(image_folder, arguments, said):
    root = image_folder({"train": TWO})
    splits = Folder(str(root), **arguments).splits()
    broken = splits.train.name(3)
    with open(broken, "r+b") as file:
        file.truncate(60)
    with pytest.raises(DataError, match=rf"cannot read {broken}: .*{said}"):
        splits.train.read(3)


def test_a_task_for_other_labels_is_sent_to_other_data(image_folder):
    with pytest.raises(DataError, match=r"numbers for each sample, and a folder for each class.*image_csv"):
        Folder(str(image_folder({"train": TWO}))).splits("numbers")


def test_a_set_found_good_is_not_read_again_until_it_changes(image_folder, monkeypatch):
    root = image_folder({"train": TWO})
    looked = []
    monkeypatch.setattr(
        image_checks, "check_images", lambda *arguments: looked.append(len(arguments[4])) or []
    )
    for _ in range(2):
        Folder(str(root)).splits()
    assert looked == [30]
    os.utime(root / "train/ant/0.png", ns=(1, 1))
    Folder(str(root)).splits()
    assert looked == [30, 1], "only the file that changed"


def test_a_large_set_is_checked_by_its_headers(image_folder, monkeypatch):
    root = image_folder({"train": TWO})
    levels = []
    monkeypatch.setattr(image_checks, "check_images", lambda *arguments: levels.append(arguments[1]) or [])
    Folder(str(root)).splits()
    monkeypatch.setattr(image_checks, "_LARGE", 29)
    Folder(str(root)).splits()
    assert levels == [True, False]


def test_one_image_in_two_splits_is_refused_said_or_left(image_folder, caplog):
    root = image_folder({"train": TWO, "val": {"ant": 1, "bee": 1}})
    shutil.copy(root / "train/ant/3.png", root / "val/ant/copy.png")
    with pytest.raises(DataError, match=r"1 sample is in two splits.*train/ant/3\.png = .*val/ant/copy\.png"):
        Folder(str(root)).splits()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert counts(Folder(str(root), duplicates="ignore").splits())["val"] == [2, 1]
        assert not caplog.records
        Folder(str(root), duplicates="warn").splits()
    assert "copy.png" in caplog.text


def test_its_recipe_is_absolute_and_builds_it_again(image_folder, monkeypatch):
    root = image_folder({"train": TWO})
    monkeypatch.chdir(root.parent)
    recipe = Folder("images", flip=False, extensions=["PNG"]).describe()
    assert recipe["root"] == str(root)
    assert recipe["extensions"] == [".png"]
    again = build(recipe)
    assert again.describe() == recipe
    assert again.flip is False


def test_a_mirrored_image_is_only_asked_for_where_it_suits(image_folder, preprocessing):
    root = image_folder({"train": TWO})
    means = []
    for flip in (True, False):
        data = TransferData(Folder(str(root), flip=flip))
        data.preprocessing, data.augmenting = preprocessing, True
        means.append(next(iter(data.train_dataloader())).inputs.mean().item())
    assert means[0] - means[1] == pytest.approx(10, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"check": "decod"}, "Try: decode"),
        ({"duplicates": "no"}, "no duplicates 'no'"),
        ({"extensions": []}, r"extensions=\[\]"),
        ({"val_fraction": 2}, "val_fraction=2"),
    ],
)
def test_rejects_values_out_of_range(arguments, named):
    with pytest.raises(ConfigError, match=named):
        Folder("anywhere", **arguments)
