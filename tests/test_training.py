import csv
import functools
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tests.faults.outcome import epochs
from tests.quiet import fit_quietly
from tlx import training
from tlx.checkpoint.durable import checkpoints
from tlx.errors import ConfigError, DataError, NumericalError, ResourceError
from tlx.origin.origin import Origin
from tlx.plan import HEAD, Phase, Plan
from tlx.regularizers.ewc import EWC
from tlx.regularizers.l2sp import L2SP
from tlx.tasks.regression import Regression


def test_a_finished_run_holds_what_it_promises(tmp_path: Path) -> None:
    summary = fit_quietly(small_job(strategy=BY_EPOCHS, page=True), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"plan.json", "phases.json", "metrics.csv", "log.txt", "evaluation.json", "summary.json"} <= names
    assert {"report.html", "bundle", "checkpoints"} <= names
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    rows = epochs(tmp_path)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5]
    assert [int(row["step"]) for row in rows] == [7, 14, 21, 28, 35]
    assert summary["train/steps"] == 35
    assert summary["train/seconds"] > 0


def test_figures_come_from_the_best_epoch_by_the_monitor(tmp_path: Path) -> None:
    summary = fit_quietly(small_job(), tmp_path)
    by_epoch = {int(row["epoch"]): row for row in epochs(tmp_path)}
    best = by_epoch[summary["best/epoch"]]
    assert float(best["val/accuracy"]) == max(float(row["val/accuracy"]) for row in by_epoch.values())
    for name in ("accuracy", "f1", "loss", "calibration_error"):
        assert summary[f"val/{name}"] == pytest.approx(float(best[f"val/{name}"]), abs=1e-6)


def test_it_learns(tmp_path: Path) -> None:
    """Chance is 1/3 on three classes."""
    summary = fit_quietly(small_job(strategy=BY_EPOCHS, source=MadeUp(train=300, val=60, test=60)), tmp_path)
    assert summary["test/accuracy"] > 0.8


def test_a_finished_run_trains_nothing_when_fitted_again(tmp_path: Path) -> None:
    first = fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    record = (tmp_path / "metrics.csv").read_bytes()
    assert fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path) == first
    assert (tmp_path / "metrics.csv").read_bytes() == record


@pytest.mark.parametrize("steps", [None, 3])
def test_a_loss_that_is_not_finite_ends_the_run_and_overwrites_nothing(
    tmp_path: Path, steps: int | None
) -> None:
    def explode(stages: tuple[str, ...]) -> Plan:
        return Plan(stages, (Phase("", {HEAD: 1e30, "stem": 1e30}, 3, schedule="constant"),))

    with pytest.raises(
        NumericalError, match=r"training loss is (nan|inf) at step \d+, in epoch 1, at rates stem 1e\+30"
    ):
        fit_quietly(small_job(strategy=explode, checkpoint_steps=steps), tmp_path)
    assert not (tmp_path / "summary.json").exists()
    assert not list((tmp_path / "checkpoints").glob("*.ckpt"))


def test_a_damaged_checkpoint_is_named_when_it_is_passed_over(tmp_path: Path) -> None:
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    bad = checkpoints(tmp_path / "checkpoints")[-1]
    bad.write_bytes(bad.read_bytes()[:-7])
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    assert f"the checkpoint {bad.name} cannot be used" in (tmp_path / "log.txt").read_text()


def test_a_run_refuses_to_go_on_with_other_data(tmp_path: Path) -> None:
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    with pytest.raises(DataError, match="not what the run was started on"):
        fit_quietly(small_job(strategy=BY_EPOCHS, source=MadeUp(train=51)), tmp_path)


def test_epochs_can_be_limited_for_a_smoke_test(tmp_path: Path) -> None:
    fit_quietly(small_job(limit_epochs=1, limit_train_batches=2, limit_val_batches=1), tmp_path)
    rows = epochs(tmp_path)
    assert len(rows) == 3
    assert [int(row["step"]) for row in rows] == [2, 4, 6]


def test_epochs_that_are_cut_short_are_all_of_one_length(tmp_path: Path) -> None:
    """3 batches make an epoch here; the 2 of each cut epoch are its first, not the rest of the last one."""
    job = small_job(source=MadeUp(train=20), limit_epochs=2, limit_train_batches=2, limit_val_batches=1)
    fit_quietly(job, tmp_path)
    assert [int(row["step"]) for row in epochs(tmp_path)] == [2, 4, 6, 8, 10, 12]


def test_the_plan_that_was_written_down_is_the_one_that_goes_on(tmp_path: Path) -> None:
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    written = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "summary.json").unlink()
    fit_quietly(small_job(), tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text()) == written


def test_an_unknown_monitor_and_a_negative_seed_are_refused() -> None:
    job = small_job()
    for change, message in (({"monitor": "val/acuracy"}, "val/accuracy"), ({"seed": -1}, "seed=-1")):
        with pytest.raises(ConfigError, match=message):
            type(job)(**{**vars(job), **change})


def test_what_a_run_holds_on_to_has_its_room_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed, check = list[int](), training.check_space
    monkeypatch.setattr(training, "check_space", lambda *asked: needed.append(asked[1]) or check(*asked))
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path / "plain")
    holding = functools.partial(small_job, strategy=BY_EPOCHS, regularizers=(EWC, L2SP), knows=20)
    fit_quietly(holding(), tmp_path / "holding")
    known = {path.name: path.stat().st_size for path in (tmp_path / "holding/known").iterdir()}
    assert {"ewc.safetensors", "source_before.npy"} < set(known)
    assert 0 <= needed[1] - needed[0] - sum(known.values()) < 128 * 20
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=needed[1] - 1))
    with pytest.raises(ResourceError, match="of checkpoints, weights and what it holds on to"):
        fit_quietly(holding(), tmp_path / "full")
    assert not (tmp_path / "full/known").exists()
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path / "smaller")


def test_the_record_is_plain_csv(tmp_path: Path) -> None:
    fit_quietly(small_job(strategy=BY_EPOCHS), tmp_path)
    with (tmp_path / "metrics.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header[:5] == ["epoch", "step", "phase", "train/loss", "train/accuracy"]
    assert header[-4:] == ["rate/stem", "rate/block0", "rate/block1", "rate/head"]
    assert all(len(row) == len(header) for row in rows)


def test_a_monitor_without_a_value_is_explained(tmp_path: Path) -> None:
    job = replace(small_job(source=MadeUp(val=1), task=Regression()), monitor="val/r2")
    with pytest.raises(ConfigError, match="val/r2 has no value here: the numbers .* never vary"):
        fit_quietly(job, tmp_path)


@pytest.mark.parametrize("deterministic", [True, False])
def test_what_is_made_of_the_original_network_is_computed_as_the_run_is(
    deterministic: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there is a Trainer, which asks torch for the same."""
    asked = list[bool]()
    monkeypatch.setattr("torch.utils.deterministic.fill_uninitialized_memory", True)

    class Asking(L2SP):
        def begin(self, origin: Origin) -> None:
            asked.append(torch.are_deterministic_algorithms_enabled())
            assert not torch.utils.deterministic.fill_uninitialized_memory  # written twice for nothing
            super().begin(origin)

    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.use_deterministic_algorithms(not deterministic)
    try:
        fit_quietly(
            small_job(strategy=BY_EPOCHS, regularizers=(Asking,), deterministic=deterministic), tmp_path
        )
        assert asked == [torch.are_deterministic_algorithms_enabled()] == [deterministic]
        assert (os.environ.get("CUBLAS_WORKSPACE_CONFIG") == ":4096:8") == deterministic
    finally:
        torch.use_deterministic_algorithms(False)
