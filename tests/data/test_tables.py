import pytest

from tlx.data.tables import CSV, JSON_LINES, TableFiles
from tlx.errors import ConfigError, DataError


@pytest.fixture
def write(tmp_path):
    def write(name, *rows, header="text,label"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("\n".join([header, *rows]))
        return str(tmp_path / name)

    return write


def tables(root=None, train=None, val=None, test=None, form=CSV, label="label", **arguments):
    settings = {"split": None, "separator": "|", **arguments}
    return TableFiles(form, root, train, val, test, sample=("text", "text"), label=label, **settings)


def read(found, targets="class"):
    parts, names = found.read(targets)
    return {word: (list(t.samples.packed()), t.rows().tolist()) for word, t in parts.items()}, names


def test_a_column_sorts_the_rows_of_one_file_into_splits(write, tmp_path):
    write("test.csv", "stray,a")
    file = write(
        "train.csv", "one,Train,a", "two,test,b", "three,dev,a", "four,training,b", header="text,part,label"
    )
    expected = {"train": (["one", "four"], [2, 5]), "test": (["two"], [3]), "val": (["three"], [4])}
    assert read(tables(train=file, split="part")) == (expected, ("a", "b"))
    assert read(tables(str(tmp_path), split="part")) == (expected, ("a", "b")), "no other file is taken"


def test_files_are_looked_up_in_the_root_and_then_in_the_working_directory(write, tmp_path, monkeypatch):
    write("here/a.csv", "working,a")
    write("there/b.csv", "root,a")
    monkeypatch.chdir(tmp_path / "here")
    found = tables("../there", "a.csv", "b.csv")
    assert found.files == {
        "train": str(tmp_path / "here/a.csv"),
        "val": str(tmp_path / "there/b.csv"),
        "test": None,
    }
    assert tables("../there", "none.csv").files["train"] == str(tmp_path / "there/none.csv")


def test_a_file_said_to_be_alone_is(write, tmp_path):
    write("train.csv", "x,a")
    write("val.csv", "y,a")
    assert read(tables(str(tmp_path), "train.csv"))[0].keys() == {"train", "val"}
    assert read(tables(str(tmp_path), "train.csv", alone=True))[0].keys() == {"train"}


def test_a_file_that_is_missing_is_named_by_its_key(tmp_path):
    with pytest.raises(DataError, match=r"no file .*none\.csv.*Try: data\.train=FILE\.csv that exists"):
        read(tables(str(tmp_path), "none.csv"))
    with pytest.raises(DataError, match=r"no file .*none\.csv.*Try: data\.file=FILE\.csv that exists"):
        read(tables(str(tmp_path), "none.csv", alone=True))


def test_json_lines_are_found_by_their_own_names(tmp_path):
    for word in ("train", "validation"):
        (tmp_path / f"{word}.jsonl").write_text('{"text": "x", "label": 1}')
    assert read(tables(str(tmp_path), form=JSON_LINES)) == (
        {"train": (["x"], [1]), "val": (["x"], [1])},
        ("1",),
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,later,a", r"row 3 has 'later' in part\. Try: train, val or test"),
        ("x,,a", "row 3 has '' in part"),
        (" ,train,a", "row 3 has an empty text"),
        ("x,val,c", r"val has classes that train has not: c, .*row 3"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(write, row, said):
    file = write("a.csv", "one,train,a", row, header="text,part,label")
    with pytest.raises(DataError, match=said):
        tables(train=file, split="part").read("class")


def test_a_file_without_a_row_to_train_on_is_said(write):
    with pytest.raises(DataError, match=r"no row to train on.*rows with train in the column part"):
        tables(train=write("a.csv", "x,val,a", header="text,part,label"), split="part").read("class")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, r"data\.root=DIR with train\.csv, or data\.train=FILE\.csv"),
        (
            {"train": "a", "test": "b", "split": "part"},
            r"data\.split=null, or data\.val=null data\.test=null",
        ),
        ({"train": "a", "label": []}, r"data\.label=COLUMN"),
        ({"train": "a", "separator": ""}, r"data\.separator"),
    ],
)
def test_rejects_arguments_that_cannot_be_used(arguments, said):
    with pytest.raises(ConfigError, match=said):
        tables(**arguments)
