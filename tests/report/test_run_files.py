import math

import pytest

from tlx.errors import CheckpointError
from tlx.report.run_files import read_metrics, read_run


def test_a_value_that_is_no_number_is_nan_and_a_row_without_epoch_is_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,val/loss\n1,0.5\n2,\n,0.4\n3\n")
    rows = read_metrics(path)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[0]["val/loss"] == 0.5
    assert math.isnan(rows[1]["val/loss"])


@pytest.mark.parametrize(("monitor", "best"), [("val/accuracy", 2), ("val/loss", 3)])
def test_the_best_epoch_so_far_goes_by_the_direction_of_the_monitor(tmp_path, monitor, best):
    (tmp_path / "config.yaml").write_text(f"monitor: {monitor}\n")
    (tmp_path / "metrics.csv").write_text("epoch,val/accuracy,val/loss\n1,0.1,3.0\n2,0.9,2.0\n3,0.8,1.0\n")
    assert read_run(tmp_path).best_epoch == best


@pytest.mark.parametrize(
    ("status", "summary", "seen"),
    [
        ("finished", True, "finished"),
        ("running", True, "finished"),
        ("finished", False, "unknown"),
        ("running", False, "running"),
        ("failed", True, "failed"),
        ("something", False, "unknown"),
    ],
)
def test_a_run_is_finished_when_it_has_a_summary_and_did_not_fail(tmp_path, status, summary, seen):
    (tmp_path / "state.json").write_text(f'{{"status": "{status}"}}')
    if summary:
        (tmp_path / "summary.json").write_text('{"seed": 1}')
    assert read_run(tmp_path).status == seen


def test_every_missing_file_is_noted(tmp_path):
    notes = read_run(tmp_path).notes
    assert len(notes) == 7
    assert all(note.endswith("is missing") for note in notes)


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no run directory"):
        read_run(tmp_path / "none")
