import json
from pathlib import Path

import pytest

from scripts.forgetting.runs import entries, shared
from tlx.errors import CheckpointError

SUMMARY = {
    "test/accuracy": 0.84, "val/accuracy": 0.9, "best/epoch": 4, "train/seconds": 18.2,
    "source/accuracy_before": 0.4, "source/accuracy_after": 0.1, "source/forgetting": 0.3,
    "source/forgetting_low": 0.25, "source/forgetting_high": 0.35,
    "train/samples": 195, "val/samples": 49, "test/samples": 153,
    "versions": {
        "python": "3.11", "torch": "2", "torchvision": "0", "lightning": "2.6", "tlx": "0.1", "threads": "1"
    },
}  # fmt: skip
CONFIG = """\
seed: {seed}
model: {{name: squeezenet1_1, image_size: 128}}
data: {{batch_size: 16}}
strategy: {{epochs: 5, head_rate: 0.003, backbone_rate: 0.0003}}
monitor: val/loss
regularizer: {regularizer}
"""


def write_job(sweep: Path, seed: int, regularizer: str, finished: bool = True) -> None:
    """A run as a sweep leaves it; where one seed alone was asked for, its overrides do not name it."""
    folder = sweep / "jobs" / f"job-{seed}"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG.format(seed=seed, regularizer=regularizer))
    (folder / "job.json").write_text(json.dumps({"overrides": {}}))
    state = {"status": "finished"} if finished else {"status": "failed", "error": "out of memory"}
    (folder / "state.json").write_text(json.dumps(state))
    if finished:
        (folder / "summary.json").write_text(json.dumps(SUMMARY))


def test_a_finished_run_is_its_figures_by_method_strength_and_seed(tmp_path: Path) -> None:
    write_job(tmp_path, 3, "{ewc: {strength: 100.0}}")
    (entry,) = entries("ewc", tmp_path)
    assert entry == {
        "method": "ewc", "strength": 100.0, "seed": 3, "target": 0.84, "source": 0.1, "source_before": 0.4,
        "forgetting": 0.3, "forgetting_low": 0.25, "forgetting_high": 0.35, "val": 0.9, "epoch": 4,
        "seconds": 18.2,
    }  # fmt: skip


def test_a_run_without_protection_has_no_strength(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "{}")
    (entry,) = entries("none", tmp_path)
    assert (entry["strength"], entry["seed"]) == (None, 0)


def test_a_run_that_did_not_finish_has_a_reason_and_no_figures(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "{l2sp: {strength: 1}}")
    write_job(tmp_path, 1, "{l2sp: {strength: 1}}", finished=False)
    found = sorted(entries("l2sp", tmp_path), key=lambda entry: entry["seed"])
    assert found[1] == {"method": "l2sp", "strength": 1.0, "seed": 1, "reason": "out of memory"}
    assert "target" in found[0]


def test_what_runs_share_is_read_from_one_that_finished(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "{}", finished=False)
    write_job(tmp_path, 1, "{}")
    found = shared(tmp_path)
    assert found["settings"] == {
        "model": "squeezenet1_1", "image size": 128, "batch size": 16, "epochs": 5, "head rate": 0.003,
        "backbone rate": 0.0003, "epoch chosen by": "val/loss",
    }  # fmt: skip
    assert found["samples"] == {"train": 195, "val": 49, "test": 153}
    assert "threads" not in found["versions"]


def test_a_sweep_in_which_nothing_finished_shares_nothing(tmp_path: Path) -> None:
    write_job(tmp_path, 0, "{}", finished=False)
    assert shared(tmp_path) == {}
    with pytest.raises(CheckpointError, match="is no sweep"):
        list(entries("none", tmp_path / "nowhere"))
