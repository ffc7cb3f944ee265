import json
from pathlib import Path

import pytest
from scipy import stats

from tlx.report.console import epoch_line, result_lines
from tlx.report.formats import DASH


def test_the_end_of_a_fit_says_result_interval_reason_and_page(run_maker, tmp_path):
    summary = json.loads((run_maker(tmp_path / "run") / "summary.json").read_text())
    text = result_lines(summary, Path("runs/a/report.html")).replace("\u00a0", " ")
    right = round(summary["test/accuracy"] * 60)
    bounds = stats.binomtest(right, 60).proportion_ci(0.95, method="wilson")
    first, second, third, fourth, last = text.splitlines()
    interval = f"{100 * bounds.low:.1f}{DASH}{100 * bounds.high:.1f} %"
    assert first.startswith("test ")
    assert first.endswith(f"{interval}, 60 samples")
    assert second.startswith("val ") and second.endswith("(it chose the epoch)")
    assert third == "weights  of epoch 9, the best by val/accuracy"
    assert (
        fourth == "ended    no better val/accuracy for 3 epochs, after 12 epochs and 1 min 23 s of training"
    )
    assert last == "page     runs/a/report.html"


def test_where_the_last_epoch_counts_validation_chose_nothing(run_maker, tmp_path):
    summary = json.loads((run_maker(tmp_path / "run", test=False) / "summary.json").read_text())
    text = result_lines(summary | {"monitor": "epoch"})
    assert "it chose" not in text and "the best" not in text
    assert "weights  of epoch 9, the last" in text


def test_without_a_test_split_only_validation_is_said(run_maker, tmp_path):
    summary = json.loads((run_maker(tmp_path / "run", test=False) / "summary.json").read_text())
    assert [line.split()[0] for line in result_lines(summary).splitlines()] == ["val", "weights", "ended"]


def test_the_line_of_an_epoch_leaves_out_what_is_frozen_and_joins_equal_rates():
    row = {
        "epoch": 12,
        "train/loss": 0.5,
        "rate/stem": 0.0,
        "rate/a": 1e-4,
        "rate/b": 1e-4,
        "rate/head": 1e-3,
    }
    line = epoch_line(row, 100, "all \x1b[31mred")
    assert line.startswith("epoch  12/100  all ")
    assert line.endswith(f"rate a{DASH}b 0.0001, head 0.001")
    assert "\x1b" not in line


def test_the_line_of_an_epoch_says_the_figures_of_the_task():
    row = {"epoch": 1, "train/accuracy": 0.75, "val/accuracy": 0.5, "val/average_precision": 0.25}
    line = epoch_line(row, 9, "head", "multilabel").replace("\u00a0", " ")
    assert "accuracy 75.0 % val 50.0 %  average precision 25.0 %  rate" in line
    line = epoch_line({"epoch": 1, "train/mae": 12.5, "val/mae": 0.125}, 9, "head", "regression")
    assert "mean absolute error 12.5 val 0.125  rate" in line


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("multilabel", "average precision 50.0 %, 60 samples"),
        ("regression", "R squared 0.250, mean absolute error 0.500, each a mean over 3 numbers, 60 samples"),
    ],
)
def test_the_end_of_a_fit_says_the_headline_of_the_task(run_maker, tmp_path, task, said):
    path = run_maker(tmp_path / "run", task=task) / "summary.json"
    given = {"test/average_precision": 0.5, "test/mae": 0.5, "test/r2": 0.25}
    text = result_lines(json.loads(path.read_text()) | given).replace("\u00a0", " ")
    first, second, *_ = text.splitlines()
    assert first == f"test     {said}"
    assert second.endswith("60 samples (it chose the epoch)")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"classes": ["age"]}, "mean absolute error 0.500, 60 samples"),
        (
            {"classes": ["age", "height"], "test/r2": None},
            "mean absolute error 0.500, a mean over 2 numbers, 60",
        ),
    ],
)
def test_a_mean_over_numbers_of_different_units_is_called_one(run_maker, tmp_path, changed, said):
    path = run_maker(tmp_path / "run", task="regression") / "summary.json"
    text = result_lines(json.loads(path.read_text()) | {"test/mae": 0.5} | changed).replace("\u00a0", " ")
    assert text.startswith(f"test     {said}")


def test_one_epoch_is_one(run_maker, tmp_path):
    summary = json.loads((run_maker(tmp_path / "run") / "summary.json").read_text())
    text = result_lines(summary | {"train/epochs": 1, "ended": "all epochs"})
    assert "all epochs, after 1 epoch and" in text


def test_what_was_forgotten_of_a_source_is_said(run_maker, tmp_path):
    summary = json.loads((run_maker(tmp_path / "run") / "summary.json").read_text())
    known = {"source/accuracy_before": 0.9, "source/accuracy_after": 0.8, "source/forgetting": 0.1}
    known |= {"source/forgetting_low": 0.05, "source/forgetting_high": 0.15, "source/samples": 200}
    text = result_lines(summary | known).replace("\u00a0", " ")
    said = "source   forgetting 10.0 points, 95 % interval 5.0 points to 15.0 points: 90.0 % before, "
    assert f"{said}80.0 % after, 200 samples" in text
    assert "forgetting" not in result_lines(summary)
