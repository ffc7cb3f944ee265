import json
from pathlib import Path

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
