import json

import numpy as np
import pytest

from tlx.data.text_csv import TextCSV
from tlx.data.text_jsonl import TextJSONL
from tlx.errors import DataError
from tlx.recipe import build


@pytest.fixture
def write(tmp_path):
    def write(name, *rows):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(tmp_path / name)

    return write


def test_it_holds_what_a_csv_file_with_the_same_rows_holds(write, tmp_path):
    rows = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(20)]
    (tmp_path / "all.csv").write_text("text,label\n" + "".join(f"{r['text']},{r['label']}\n" for r in rows))
    lines, table = (
        TextJSONL(train=write("all.jsonl", *rows)).splits(),
        TextCSV(train=str(tmp_path / "all.csv")).splits(),
    )
    assert [len(part) for part in lines[:3]] == [12, 4, 4]
    for one, other in zip(lines[:3], table[:3], strict=True):
        assert one.fingerprint() == other.fingerprint()
    assert lines.train.name(0) == f"{tmp_path}/all.jsonl row 1"


def test_several_classes_and_numbers(write):
    rows = [
        {"text": f"t{n}", "label": [c for c in "abc" if n % (ord(c) - 95)], "n": [n, 0.5 * n]}
        for n in range(30)
    ]
    file = write("a.jsonl", *rows)
    several = TextJSONL(train=file).splits("classes")
    assert several.classes == ("a", "b", "c")
    assert several.train.labels.sum(axis=0).tolist() == pytest.approx([9, 12, 13], abs=2)
    numbers = TextJSONL(train=file, label="n").splits("numbers")
    assert numbers.classes == ("n[0]", "n[1]")
    row = int(numbers.val.name(0).rpartition(" ")[2]) - 1
    np.testing.assert_allclose(numbers.val.labels[0], [row, row / 2])


def test_its_recipe_builds_it_again(write, tmp_path):
    write("train.jsonl", *[{"words": f"t{n}", "a": n % 2, "b": 1} for n in range(9)])
    source = TextJSONL(str(tmp_path), text="words", label=["a", "b"])
    recipe = source.describe()
    assert recipe["_target_"] == "tlx.data.text_jsonl.TextJSONL"
    again = build(json.loads(json.dumps(recipe)))
    assert again.splits("classes").train.fingerprint() == source.splits("classes").train.fingerprint()


def test_what_is_no_text_is_named_with_its_line(write):
    with pytest.raises(DataError, match=r"a\.jsonl row 2 has a text that is no string"):
        TextJSONL(train=write("a.jsonl", {"text": "x", "label": 1}, {"text": 5, "label": 1})).splits()
