import json

import pytest

from tests.report.page_reader import read
from tests.report.temperature import calibrate
from tlx.report.calibration import calibration
from tlx.report.evaluation import Bin, Calibrated, SplitScores, Temperature

BINS = (Bin(0.0, 0.5, 0, None, None), Bin(0.5, 1.0, 60, 0.9, 0.7))
CLOSER = Calibrated({"calibration_error": 0.021, "loss": 0.25}, (BINS[0], Bin(0.5, 1.0, 60, 0.72, 0.7)))
FOUND = Temperature(1.432, 60, "minimum")


def scores(name="test", temperature=FOUND, calibrated=CLOSER, samples=60):
    metrics = {"calibration_error": 0.2, "loss": 0.75}
    return SplitScores(
        name, "multiclass", samples, metrics, {}, (), (), BINS, (), temperature, calibrated
    )  # fmt: skip


def plain(text):
    return text.replace("\u00a0", " ")


def test_samples_that_did_not_choose_the_temperature_show_it_at_work():
    found = calibration(scores())
    assert "reliability on test, calibrated" in found["calibrated"]
    assert "how sure the calibrated network was" in found["calibrated"]
    assert "calibrated" not in found["reliability"].replace("perfectly calibrated", "")
    said = plain(found["calibrated_caption"])
    assert "divided by the temperature 1.432, with which 60 validation samples are likeliest." in said
    assert "Expected calibration error 2.1 % instead of 20.0 %, loss 0.250 instead of 0.750" in said
    assert "on samples that did not choose it" in said
    assert (found["temperature_note"], found["fitted_here"]) == ("", False)


def test_samples_that_chose_the_temperature_claim_nothing():
    found = calibration(scores("val", calibrated=None))
    assert (found["calibrated"], found["fitted_here"]) == (None, True)
    assert "1.432 was fitted on these very samples" in found["temperature_note"]
    some = calibration(scores("val", calibrated=None, samples=6000))
    assert "fitted on 60 of these samples" in some["temperature_note"]


@pytest.mark.parametrize(
    ("ended", "said"),
    [("low", "how sure is too sure"), ("flat", "equal outputs for all classes"), ("none", "not all finite")],
)
def test_where_no_temperature_was_found_it_is_said_why(ended, said):
    found = calibration(scores(temperature=Temperature(1.0, 60, ended)))
    assert found["calibrated"] is None
    assert said in found["temperature_note"] and "stay as they are" in found["temperature_note"]


def test_at_the_upper_bound_the_network_is_said_to_be_worse_than_guessing():
    found = calibration(scores(temperature=Temperature(100.0, 60, "high")))
    assert "the greatest that is looked for" in found["calibrated_caption"]
    assert found["calibrated"] is not None


def test_a_run_of_before_there_was_a_temperature_has_its_diagram_alone():
    found = calibration(scores(temperature=None, calibrated=None))
    assert found["reliability"] is not None
    assert (found["calibrated"], found["temperature_note"]) == (None, "")


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_the_page_shows_certainty_before_and_after(run_maker, tmp_path, task):
    run = calibrate(run_maker(tmp_path / "run", task=task))
    page = read(run)
    drawn = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]
    assert [name for name in drawn if "reliability" in name] == [
        "reliability on test",
        "reliability on test, calibrated",
        "reliability on val",
    ]
    words = plain(page.words)
    before = json.loads((run / "summary.json").read_text())["test/calibration_error"]
    assert f"Expected calibration error {50 * before:.1f} % instead of {100 * before:.1f} %" in words
    assert "Temperature 1.432, fitted on 60 validation samples" in words
    assert "chose the epoch and the temperature" in words
    assert "by its own logits, before the temperature" in words
    assert "no test split" not in words


def test_without_a_test_split_the_page_claims_no_gain(run_maker, tmp_path):
    words = read(calibrate(run_maker(tmp_path / "run", test=False))).words
    assert "instead of" not in words
    assert "lean to the good side and is not shown. There is no test split to measure it on." in words


def test_where_the_last_epoch_counts_validation_chose_the_temperature_alone(run_maker, tmp_path):
    run = calibrate(run_maker(tmp_path / "run"))
    text = (run / "summary.json").read_text()
    (run / "summary.json").write_text(text.replace('"monitor": "val/accuracy"', '"monitor": "epoch"'))
    words = read(run).words
    assert "Validation chose the temperature" in words and "chose the epoch" not in words
    assert "Test chose nothing" in words


def test_where_no_temperature_was_found_the_page_shows_no_other_certainty(run_maker, tmp_path):
    words = read(calibrate(run_maker(tmp_path / "run"), value=1.0, ended="low")).words
    assert "Temperature none found on 60 validation samples" in words
    assert words.count("do not say how sure is too sure") == 2  # of test and of val
    assert "how sure the calibrated network was" not in words and "before the temperature" not in words


def test_a_damaged_temperature_is_a_note_on_the_page(run_maker, tmp_path):
    words = read(calibrate(run_maker(tmp_path / "run"), value=-1.0)).words
    assert "evaluation.json cannot be used: -1.0 is no temperature" in words
