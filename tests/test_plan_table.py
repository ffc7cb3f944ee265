import functools
import json
from dataclasses import replace
from pathlib import Path

from tests.faults.jobs import BY_EPOCHS, PLATEAU, small_job
from tlx.assembly import build_network
from tlx.plan_table import plan_table, save_plan, saved_plan
from tlx.strategies.feature_extraction import feature_extraction


def test_a_saved_plan_comes_back_equal(tmp_path: Path) -> None:
    job = small_job()
    network = build_network(job)
    plan = PLATEAU(tuple(job.backbone.stages))
    assert saved_plan(tmp_path) is None
    save_plan(tmp_path, plan, network, job.data)
    assert saved_plan(tmp_path) == plan
    assert json.loads((tmp_path / "plan.json").read_text())["phases"][0]["augment"] is False


def test_the_note_and_the_norms_are_said_above_the_table_and_come_back(tmp_path: Path) -> None:
    job = small_job()
    network = build_network(job)
    plan = replace(PLATEAU(tuple(job.backbone.stages)), note="auto: 12 samples; below 100", norms="affine")
    first, second, third, *_ = save_plan(tmp_path, plan, network, job.data).splitlines()
    assert first == "auto: 12 samples; below 100"
    assert second.startswith("norms=affine: in the stages of the backbone that train, norms' weights and")
    assert third.startswith("Plan: 3 phases")
    assert saved_plan(tmp_path) == plan
    written = json.loads((tmp_path / "plan.json").read_text())
    norms = 2 * 8 * 3  # weights and biases of three BatchNorms of 8 channels
    assert written["phases"][-1]["parameters"] == written["total_parameters"] - norms


def test_a_plan_saved_before_there_were_notes_comes_back(tmp_path: Path) -> None:
    job = small_job()
    plan = PLATEAU(tuple(job.backbone.stages))
    assert save_plan(tmp_path, plan, build_network(job), job.data).startswith("Plan: 3 phases")
    written = json.loads((tmp_path / "plan.json").read_text())
    del written["note"], written["norms"]
    (tmp_path / "plan.json").write_text(json.dumps(written))
    assert saved_plan(tmp_path) == plan


def test_the_table_says_what_is_frozen_and_when_a_phase_ends() -> None:
    job = small_job()
    _, text = plan_table(PLATEAU(tuple(job.backbone.stages)), build_network(job), job.data)
    first = next(line for line in text.splitlines() if "│ 1 │" in line)
    assert "stem, block0," in first
    assert "up to 4" in text
    assert "(patience 1)" in text
    assert "nothing" in text
    _, text = plan_table(BY_EPOCHS(tuple(job.backbone.stages)), build_network(job), job.data)
    assert "patience" not in text


def test_one_epoch_is_one() -> None:
    job = small_job()
    plan = functools.partial(feature_extraction, epochs=1)(tuple(job.backbone.stages))
    assert "Plan: 1 phase, at most 1 epoch " in plan_table(plan, build_network(job), job.data)[1] + " "


def test_augmentation_is_shown_for_each_phase_as_the_data_decides() -> None:
    job = small_job()
    job.data.augment = "none"
    plain, _ = plan_table(BY_EPOCHS(tuple(job.backbone.stages)), build_network(job), job.data)
    assert [phase["augment"] for phase in plain["phases"]] == [False, False, False]
