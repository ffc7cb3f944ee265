import json
from pathlib import Path

from tests.faults.jobs import BY_EPOCHS, PLATEAU, small_job
from tlx.plan_table import plan_table, save_plan, saved_plan
from tlx.training import build_network


def test_a_saved_plan_comes_back_equal(tmp_path: Path) -> None:
    job = small_job()
    network = build_network(job)
    plan = PLATEAU(tuple(job.backbone.stages))
    assert saved_plan(tmp_path) is None
    save_plan(tmp_path, plan, network, job.data)
    assert saved_plan(tmp_path) == plan
    assert json.loads((tmp_path / "plan.json").read_text())["phases"][0]["augment"] is False


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


def test_augmentation_is_shown_for_each_phase_as_the_data_decides() -> None:
    job = small_job()
    job.data.augment = "none"
    plain, _ = plan_table(BY_EPOCHS(tuple(job.backbone.stages)), build_network(job), job.data)
    assert [phase["augment"] for phase in plain["phases"]] == [False, False, False]
