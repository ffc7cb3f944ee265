import json

import pytest

from tests.report.page_reader import read
from tlx.report.formats import DASH


@pytest.mark.parametrize("test", [True, False])
def test_the_page_of_several_classes_says_why_there_is_no_interval(run_maker, tmp_path, test):
    run = run_maker(tmp_path / "run", task="multilabel", test=test, epochs=0)
    summary = json.loads((run / "summary.json").read_text())
    words = read(run).words
    value = summary["test/average_precision" if test else "val/average_precision"]
    name = "Test" if test else "Validation"
    assert f"{name} average precision {100 * value:.1f} % 60 samples, no interval: average precision" in words
    assert "95 % interval" not in words
    assert "Average precision Macro F1 Accuracy Exact match Loss Calibration error" in words
    assert "Weights of epoch 9, the best by val/average_precision" in words
    assert "share of the answers" in words


def test_the_page_of_several_classes_has_a_line_for_each_the_weakest_first(run_maker, tmp_path):
    run = run_maker(tmp_path / "run", task="multilabel", test=False, epochs=0)
    raw = json.loads((run / "evaluation.json").read_text())
    for line, value in zip(raw["splits"]["val"]["per_class"], (0.75, 0.5, None), strict=True):
        line |= {"samples": 0 if value is None else 7, "average_precision": value, "precision": 0.25}
    (run / "evaluation.json").write_text(json.dumps(raw))
    words = read(run).words
    places = [
        words.index(said) for said in ("bees 7 50.0 % 25.0 %", "ants 7 75.0 % 25.0 %", f"wasps 0 {DASH}")
    ]
    assert places == sorted(places)
    assert "Class Positives Average precision Precision Recall F1" in words
    assert "The weakest first, by average precision" in words
    assert "Target bees Predicted ants|bees" in words and "Target ants Predicted none" in words


def test_the_page_of_numbers_says_their_mean_error_with_the_measured_interval(run_maker, tmp_path):
    run = run_maker(tmp_path / "run", task="regression", classes=["age", "height"], kind="text", epochs=0)
    raw = json.loads((run / "evaluation.json").read_text())
    summary = json.loads((run / "summary.json").read_text())
    raw["splits"]["test"]["intervals"] = {"mae": [3.25, 1250.4]}
    (run / "evaluation.json").write_text(json.dumps(raw))
    (run / "summary.json").write_text(json.dumps(summary | {"test/mae": 12.5, "test/r2": None}))
    page = read(run)
    assert "Test mean absolute error, mean over 2 numbers 12.5 40 samples" in page.words
    assert page.words.count(f"3.250{DASH}1250") == 2
    assert "Mean absolute error 95 % interval Root mean square error R squared Loss" in page.words
    assert "Confused" not in page.words and "sure" not in page.words
    assert page.words.count("prediction") >= 2 and "Each number" in page.words
    assert page.open == []


def test_of_a_single_number_the_headline_has_its_name_and_no_table_repeats_it(run_maker, tmp_path):
    words = read(run_maker(tmp_path / "run", task="regression", classes=["age"], epochs=0)).words
    assert "Test mean absolute error of age" in words
    assert "Each number" not in words and "Numbers 1" in words


def test_without_evaluation_the_page_of_numbers_has_no_interval(run_maker, tmp_path):
    run = run_maker(tmp_path / "run", task="regression", epochs=0)
    (run / "evaluation.json").unlink()
    words = read(run).words
    assert "no interval: it takes two samples, and evaluation.json would hold it" in words
    assert "evaluation.json is missing" in words


def test_a_headline_without_a_value_is_a_dash_and_no_running_result(run_maker, tmp_path):
    run = run_maker(tmp_path / "run", task="multilabel", classes=["only"], epochs=0)
    assert json.loads((run / "summary.json").read_text())["test/average_precision"] is None
    words = read(run).words
    assert f"Test average precision {DASH} 20 samples, on which it has no value" in words
    assert "this is no result" not in words


@pytest.mark.parametrize("task", ["multilabel", "regression"])
@pytest.mark.parametrize("kind", ["image", "text"])
def test_hostile_names_show_as_text_for_every_task(run_maker, tmp_path, hostile_names, task, kind):
    page = read(
        run_maker(tmp_path / "run", classes=hostile_names, task=task, kind=kind, test=False, epochs=0)
    )
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "form"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    for shown in ("<script>alert(1)</script>", "quotes ' \" & ampersand", "{{ 7 * 7 }}", "(empty)"):
        assert shown in page.text
    assert "\u202e" not in page.text and "\x1b" not in page.text
    assert "x" * 60 not in page.text
    assert page.open == []


def test_two_numbers_of_nearly_the_same_name_share_no_id(run_maker, tmp_path):
    names = ["a" * 60 + "1", "a" * 60 + "2"]
    page = read(run_maker(tmp_path / "run", task="regression", classes=names, epochs=0))
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
