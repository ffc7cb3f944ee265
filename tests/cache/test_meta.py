import json
from types import SimpleNamespace

import pytest

from tests.faults.jobs import MadeUp, known_backbone
from tlx.cache.meta import META, described, named, parsed_meta, write_meta
from tlx.cache.part import Part

PLAIN = {"what": {"split": "train"}, "frontier": 2, "layout": {"rows": 3}}


def test_what_is_written_is_read_with_what_made_it(tmp_path):
    write_meta(tmp_path, PLAIN)
    read = parsed_meta((tmp_path / META).read_text())
    assert read.pop("made_by")["tlx"]
    assert read == PLAIN


@pytest.mark.parametrize("text", ["", "[1, 2]", "{}", "null", '{"what": {}}', '{"what": [], "seal": null}'])
def test_what_tlx_did_not_write_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parsed_meta(text)


def test_any_edited_value_breaks_the_seal(tmp_path):
    write_meta(tmp_path, PLAIN)
    plain = json.loads((tmp_path / META).read_text())
    for edited in ({"frontier": 1}, {"layout": {"rows": 4}}, {"more": 1}, {"what": {"split": "val"}}):
        with pytest.raises(ValueError, match="changed after"):
            parsed_meta(json.dumps(plain | edited))


def of(**recipe):
    return SimpleNamespace(describe=lambda: recipe)


def test_an_entry_says_what_people_chose_and_what_is_kept_of_it():
    backbone, source = known_backbone(), MadeUp()
    cut = SimpleNamespace(backbone=backbone, reach="block1")
    said = described(Part("val", source.splits().val, 3), cut, source, {"model": "tiny", "data": "digits"})
    assert said == {
        "model": "tiny",
        "weights": "made up",
        "data": "digits",
        "stage": "block1",
        "split": "val",
        "samples": 30,
        "views": 3,
    }


@pytest.mark.parametrize(
    ("recipe", "root"),
    [
        ({"root": "/a"}, "/a"),
        ({"file": "/a/b.npz", "root": None}, "/a/b.npz"),
        ({"of": {"root": "/a"}, "classes": ["x"]}, "/a"),
        ({"of": [{"seed": 1}, {"of": {"file": "/b"}}]}, "/b"),
        ({"root": "/" + "a" * 500}, "/" + "a" * 59 + "…" + "a" * 59),
        ({"root": "/a\x1b[2J"}, "/a\ufffd[2J"),
        ({}, None),
    ],
)
def test_where_samples_lie_is_told_in_one_line_also_of_data_made_of_data(recipe, root):
    assert named(known_backbone(), of(**recipe), {}).get("root") == root


def test_what_has_no_name_of_a_choice_is_called_what_it_is():
    found = named(known_backbone(), of(_target_="tlx.data.folder.Folder"), {})
    assert (found["model"], found["data"]) == ("tests.faults.jobs.known_backbone", "folder")


def test_data_made_of_data_is_called_after_both():
    inner = {"_target_": "tlx.data.by_classes.ByClasses", "of": {"_target_": "mine.Own"}}
    few = of(_target_="tlx.data.few_shot.FewShot", of=inner)
    assert named(known_backbone(), few, {"data": "few_shot"})["data"] == "few_shot of by_classes of Own"
