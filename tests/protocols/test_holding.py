import json
from pathlib import Path
from typing import Any

import pytest

from tlx.errors import CheckpointError
from tlx.plan import Plan
from tlx.protocols.holding import holding
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.full import full
from tlx.strategies.scratch import scratch

STAGES = ("layer1", "layer2")
CONFIG: dict[str, Any] = {"regularizer": {"ewc": {"strength": 3.0}}, "scenario": "task"}


def runs(folder: Path, *plans: Plan) -> list[Path]:
    found = [folder / str(number) for number in range(len(plans))]
    for run, plan in zip(found, plans, strict=True):
        run.mkdir()
        (run / "plan.json").write_text(json.dumps(plan.to_dict()))
    return found


def test_weights_that_train_on_hold_on_to_tasks_and_of_the_first_there_is_none_before(tmp_path: Path) -> None:
    assert holding(CONFIG, runs(tmp_path, *[full(STAGES)] * 3)) == [2, 3]


@pytest.mark.parametrize("strategy", [scratch, feature_extraction])
def test_what_is_frozen_or_begins_anew_holds_on_to_nothing(strategy: Any, tmp_path: Path) -> None:
    assert holding(CONFIG, runs(tmp_path, *[strategy(STAGES)] * 3)) == []


def test_one_head_that_goes_on_can_be_held(tmp_path: Path) -> None:
    config = CONFIG | {"scenario": "domain"}
    assert holding(config, runs(tmp_path, *[feature_extraction(STAGES)] * 3)) == [2, 3]


def test_each_task_is_judged_by_its_own_plan(tmp_path: Path) -> None:
    assert holding(CONFIG, runs(tmp_path, full(STAGES), scratch(STAGES), full(STAGES))) == [3]


def test_without_a_regularizer_nothing_is_held_and_no_plan_is_read(tmp_path: Path) -> None:
    assert holding(CONFIG | {"regularizer": {}}, [tmp_path / "gone"]) == []
    with pytest.raises(CheckpointError, match=r"plan\.json"):
        holding(CONFIG, [tmp_path / "gone"])
