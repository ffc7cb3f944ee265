import json
from pathlib import Path
from typing import Any

import pytest

from tlx.plan import Phase, Plan
from tlx.protocols.advice.run_seconds import BEGINNING, RunSeconds, Sizes
from tlx.protocols.comparison.arms import Arm
from tlx.protocols.given import Given, Makers

CONFIG: dict[str, Any] = {
    "seed": 0,
    "data": {},
    "monitor": "val/accuracy",
    "task": {"_target_": "tlx.tasks.multiclass.Multiclass"},
}


def given(folder: Path, seconds: float) -> Given:
    def train(run: Path, config: Any) -> None:
        run.mkdir(parents=True, exist_ok=True)
        summary = {"val/accuracy": 0.5, "train/epochs": 1, "train/seconds": seconds}
        (run / "summary.json").write_text(json.dumps(summary))

    makers = Makers(train, None, None, (), None, None)  # type: ignore[arg-type]  # only training is asked for
    return Given(CONFIG, folder, makers, lambda line: None)


def test_a_plan_is_reckoned_by_its_passes_forward(tmp_path: Path) -> None:
    kept = RunSeconds(tmp_path / "seconds.json", Sizes(100, 50, 10, 0.1))
    phases = (Phase("head", {"head": 1.0}, 10), Phase("all", {"low": 0.1, "head": 1.0}, 2))
    head = 10 * 0.1 * (100 * 0.02 + 50 * 0.02)
    everything = 2 * 0.1 * (100 * 3 + 50)
    assert kept.reckoned(Plan(("low",), phases)) == pytest.approx(BEGINNING + 16.0 + head + everything)


def test_seconds_are_measured_once_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "seconds.json"
    run = RunSeconds(path, Sizes(1, 1, 1, 0.1)).train(given(tmp_path, 7.0), Arm("full", CONFIG), 1.0, 0, "x-")
    assert RunSeconds(path, Sizes(1, 1, 1, 0.1)).of(run) == 7.0  # of a run that went on after a kill
    again = RunSeconds(path, Sizes(1, 1, 1, 0.1))
    again.train(given(tmp_path, 3.0), Arm("full", CONFIG), 1.0, 0, "x-")
    assert again.of(run) == 7.0


def test_the_length_of_the_first_round_is_settled_once(tmp_path: Path) -> None:
    path = tmp_path / "seconds.json"
    assert RunSeconds(path, Sizes(1, 1, 1, 0.1)).epochs is None
    assert RunSeconds(path, Sizes(1, 1, 1, 0.1)).settle(4) == 4
    assert RunSeconds(path, Sizes(1, 1, 1, 0.1)).epochs == 4


def test_a_pass_forward_that_is_timed_anew_after_a_kill_reckons_nothing_anew(tmp_path: Path) -> None:
    path, plan = tmp_path / "seconds.json", Plan(("low",), (Phase("all", {"low": 0.1, "head": 1.0}, 2),))
    before = RunSeconds(path, Sizes(100, 50, 10, 0.1))
    before.settle(4)
    assert RunSeconds(path, Sizes(100, 50, 10, 0.5)).reckoned(plan) == before.reckoned(plan)
