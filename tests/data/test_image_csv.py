import logging
import shutil

import numpy as np
import pytest

from tlx.data.datamodule import TransferData
from tlx.data.image_csv import ImageCSV
from tlx.errors import ConfigError, DataError
from tlx.recipe import build


@pytest.fixture
def listed(tmp_path, write_image):
    """Writes photos/N.png and a CSV of them, with the labels given."""

    def write(labels, header="image,label", name="photos/list.csv", first=0, folder="photos"):
        rows = [f"{first + n}.png,{label}" for n, label in enumerate(labels)]
        for n in range(len(labels)):
            write_image(tmp_path / folder / f"{first + n}.png")
        (tmp_path / name).write_text("\n".join([header, *rows]))
        return str(tmp_path / name)

    return write


def counts(splits):
    return [np.bincount(part.labels, minlength=len(splits.classes)).tolist() for part in splits[:3] if part]


def names(split):
    return [split.name(index).rpartition("/")[2] for index in range(len(split))]


TWO = ["ant"] * 10 + ["bee"] * 20


def test_one_file_is_divided_in_three_and_paths_start_from_its_folder(listed, tmp_path):
    splits = ImageCSV(file=listed(TWO)).splits()
    assert splits.classes == ("ant", "bee")
    assert counts(splits) == [[6, 12], [2, 4], [2, 4]]
    assert splits.train.name(0).startswith(f"{tmp_path}/photos/")
    assert splits.train.read(0).size == (12, 10)
    for split in splits[:3]:
        assert [int(name[:-4]) >= 10 for name in names(split)] == (split.labels == 1).tolist()


def test_a_column_says_the_split(listed):
    file = listed(
        [f"{name},{word}" for name in "ab" for word in ("train", "val", "test", "train")], "image,label,part"
    )
    splits = ImageCSV(file=file, split="part").splits()
    assert [names(part) for part in splits[:3]] == [
        ["0.png", "3.png", "4.png", "7.png"],
        ["1.png", "5.png"],
        ["2.png", "6.png"],
    ]


def test_a_file_for_each_split_in_a_root_or_by_name(listed, tmp_path):
    for first, word in ((0, "train"), (4, "valid"), (8, "test")):
        listed(["a", "b", "a", "b"], name=f"photos/{word}.csv", first=first)
    folder = str(tmp_path / "photos")
    by_root = ImageCSV(folder).splits()
    by_name = ImageCSV(
        train=f"{folder}/train.csv", val=f"{folder}/valid.csv", test=f"{folder}/test.csv"
    ).splits()
    assert [names(part)[0] for part in by_root[:3]] == ["0.png", "4.png", "8.png"]
    for one, other in zip(by_root[:3], by_name[:3], strict=True):
        assert one.fingerprint() == other.fingerprint()


def test_a_list_elsewhere_names_images_below_a_root_with_and_without_their_ending(listed, tmp_path):
    listed(TWO)
    rows = [f" {n} ,{label}" for n, label in enumerate(TWO[:-1])]
    rows.append(f"{tmp_path}/photos/29,bee")
    (tmp_path / "list.csv").write_text("\n".join(["id,kind", *rows]))
    arguments = {"root": str(tmp_path / "photos"), "image": "id", "label": "kind", "suffix": ".png"}
    splits = ImageCSV(file=str(tmp_path / "list.csv"), **arguments).splits()
    assert counts(splits) == [[6, 12], [2, 4], [2, 4]]


def test_several_classes_by_separator_and_by_columns_are_the_same(listed, tmp_path):
    several = ["sea", "sand|sea", "", "sand"] * 5
    flags = [f"{int('sand' in s)},{int('sea' in s)}" for s in several]
    by_name = ImageCSV(file=listed(several)).splits("classes")
    by_flag = ImageCSV(
        file=listed(flags, header="image,sand,sea", name="photos/flags.csv"), label=["sand", "sea"]
    ).splits("classes")
    assert by_name.classes == by_flag.classes == ("sand", "sea")
    assert by_name.train.labels.dtype == np.uint8
    for one, other in zip(by_name[:3], by_flag[:3], strict=True):
        assert one.fingerprint() == other.fingerprint()
        assert len(one)
    at = names(by_name.train).index(next(n for n in names(by_name.train) if int(n[:-4]) % 4 == 1))
    assert by_name.train.labels[at].tolist() == [1, 1]


def test_numbers_reach_the_batch(listed, preprocessing):
    file = listed([f"{n},{-n / 2}" for n in range(30)], header="image,width,height")
    data = TransferData(ImageCSV(file=file, label=["width", "height"]), batch_size=6)
    data.targets, data.preprocessing = "numbers", preprocessing
    batch = next(iter(data.train_dataloader()))
    widths = [int(data.splits.train.name(int(i)).rpartition("/")[2][:-4]) for i in batch.ids]
    assert batch.targets.tolist() == [[w, -w / 2] for w in widths]
    assert data.classes == ("width", "height")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("../out.png,a", r"list\.csv row 32 has a path out of .*photos: \.\./out\.png.*data\.root="),
        ("sub/../../out.png,a", "row 32 has a path out of"),
        ("/etc/out.png,a", r"row 32 has a path out of .*data\.root=/"),
        (" ,a", "row 32 has an empty image"),
        ("0.png,", "row 32 has no label"),
        (
            "./0.png,ant",
            r"row 32 has an image that another row names too \(list\.csv row 2\): .*there is 1 such row",
        ),
        ("none.png,ant", r"1 file cannot be used: none\.png \(row 32: No such file.*data\.bad_files=skip"),
        ("sub,ant", r"sub \(row 32: not a regular file\)"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(listed, tmp_path, row, said):
    file = listed(TWO)
    (tmp_path / "photos/sub").mkdir()
    with open(file, "a") as list_:
        list_.write(f"\n{row}\n")
    with pytest.raises(DataError, match=said):
        ImageCSV(file=file).splits()


def test_a_root_above_allows_what_it_holds(listed, tmp_path):
    listed(TWO)
    (tmp_path / "photos/list.csv").write_text(
        "image,label\n" + "".join(f"{tmp_path}/photos/{n}.png,{label}\n" for n, label in enumerate(TWO))
    )
    assert len(ImageCSV("/", file=str(tmp_path / "photos/list.csv")).splits().train) == 18


def test_missing_and_damaged_files_are_left_out_on_request(listed, tmp_path, caplog):
    clean = ImageCSV(file=listed(TWO)).splits()
    with open(tmp_path / "photos/list.csv", "a") as list_:
        list_.write("\nnone.png,ant\nwords.png,bee\n")
    (tmp_path / "photos/words.png").write_text("words")
    data = TransferData(ImageCSV(file=str(tmp_path / "photos/list.csv"), bad_files="skip"))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert data.splits.train.fingerprint() == clean.train.fingerprint()
    assert data.skipped == [
        ("none.png", "row 32: No such file or directory"),
        ("words.png", "not an image"),
    ]
    assert "2 files are left out of" in caplog.text


def test_where_nothing_is_there_the_root_is_asked_for(listed, tmp_path):
    file = listed(TWO)
    shutil.rmtree(tmp_path / "photos", ignore_errors=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/list.csv").write_text("image,label\n0,a\n1,b\n")
    for bad_files in ("error", "skip"):
        with pytest.raises(
            DataError, match=rf"none of the 2 images for train.*{tmp_path}/photos/0,.*data\.suffix"
        ):
            ImageCSV(file=file, bad_files=bad_files).splits()


def test_rows_that_name_an_image_again_are_said_or_left(listed, tmp_path, caplog):
    listed(["a", "b"] * 3, name="photos/train.csv")
    listed(["a", "b"], name="photos/val.csv", first=5)
    with pytest.raises(
        DataError, match=r"val\.csv row 2 has an image that another row names too \(train\.csv row 7"
    ):
        ImageCSV(str(tmp_path / "photos")).splits()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        ImageCSV(str(tmp_path / "photos"), duplicates="ignore").splits()
        assert not caplog.records
        ImageCSV(str(tmp_path / "photos"), duplicates="warn").splits()
    assert "names too (train.csv row 7)" in caplog.text
    assert "1 sample is in two splits" in caplog.text


def test_its_recipe_is_absolute_and_builds_it_again(listed, tmp_path, monkeypatch):
    listed(TWO)
    monkeypatch.chdir(tmp_path)
    for arguments in ({"file": "photos/list.csv"}, {"train": "list.csv", "root": "photos"}):
        source = ImageCSV(**arguments, val_fraction=0.1)
        recipe = source.describe()
        assert str(tmp_path / "photos/list.csv") in (recipe["file"], recipe["train"])
        monkeypatch.chdir("/")
        again = build(recipe)
        assert again.describe() == recipe
        assert again.splits().train.fingerprint() == source.splits().train.fingerprint()
        monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, r"data\.root=DIR with train\.csv"),
        ({"file": "a", "val": "b"}, "data.file is the only file"),
        ({"file": "a", "bad_files": "skp"}, "Try: skip"),
        ({"file": "a", "check": "all"}, "no check 'all'"),
        ({"file": "a", "val_fraction": 1}, "val_fraction=1"),
    ],
)
def test_rejects_arguments_that_cannot_be_used(arguments, named):
    with pytest.raises(ConfigError, match=named):
        ImageCSV(**arguments)
