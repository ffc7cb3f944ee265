import math
from pathlib import Path
from typing import Any

import pytest

from tlx.protocols.matrix import Told
from tlx.protocols.sequence import results, task_config, task_folder
from tlx.sequences.task import LearnedTask

CONFIG: dict[str, Any] = {
    "names": {"model": "tiny", "data": "digits", "strategy": "full"},
    "data": {"_target_": "one", "batch_size": 8, "per_class": 5, "num_workers": 1},
    "regularizer": {"ewc": {"_target_": "tlx.regularizers.ewc.EWC", "strength": 3.0}},
    "sequence": {"_target_": "tlx.sequences.classes.Classes", "tasks": 3},
    "scenario": "task",
    "init_from": None,
    "seed": 4,
}
TASKS = [LearnedTask(name, {"_target_": f"source.{name}", "batch_size": 8}) for name in "abc"]


def test_the_first_task_has_nothing_to_hold_on_to(tmp_path: Path) -> None:
    found = task_config(CONFIG, TASKS, 0, tmp_path)
    assert found["regularizer"] == {} and found["source"] is None and found["init_from"] is None
    assert found["data"] == TASKS[0].data and found["names"]["data"] == "digits: a"
    assert not {"sequence", "scenario"} & found.keys()


def test_data_sets_of_their_own_are_named_in_place_of_one_that_is_not_read(tmp_path: Path) -> None:
    tasks = [task._replace(of=of) for task, of in zip(TASKS, ("photos", "sketches", "photos"), strict=True)]
    assert task_config(CONFIG, tasks, 1, tmp_path)["names"]["data"] == "sketches: b"
    rows = [[Told(1, 2, "test")] * 3] * 4
    assert results(CONFIG, tasks, rows, [])["data"] == "photos, sketches"
    many = [LearnedTask(name, {}, name) for name in "abcde"]
    assert results(CONFIG, many, [[Told(1, 2, "test")] * 5] * 6, [])["data"] == "a, b, c and 2 more"


def test_the_first_task_takes_up_the_memory_of_a_run_and_of_no_other_thing(tmp_path: Path) -> None:
    kept = CONFIG | {"init_optimizer": "kept"}
    assert task_config(kept, TASKS, 0, tmp_path)["init_optimizer"] == "new"
    assert task_config(kept | {"init_from": "a run"}, TASKS, 0, tmp_path)["init_optimizer"] == "kept"
    assert task_config(kept, TASKS, 1, tmp_path)["init_optimizer"] == "kept"


def test_every_other_starts_from_the_one_before_and_holds_on_to_all_of_them(tmp_path: Path) -> None:
    found = task_config(CONFIG, TASKS, 2, tmp_path)
    assert found["init_from"] == str(tmp_path / "tasks" / "02") == str(task_folder(tmp_path, 1))
    assert found["init_head"] == "kept" and found["regularizer"] == CONFIG["regularizer"]
    source = found["source"]
    assert source["of"] == [{"_target_": "source.a"}, {"_target_": "source.b"}]
    assert source["batch_size"] == 8 and source["num_workers"] == 1 and source["per_class"] is None


def test_what_varies_while_it_is_learned_is_held_on_to_as_it_is(tmp_path: Path) -> None:
    """As samples of a source are; the command of a task's run would be refused otherwise."""
    config = CONFIG | {"data": {"_target_": "source.of", "augment": "always", "num_workers": 1}}
    tasks = [task._replace(data=task.data | {"augment": "always"}) for task in TASKS]
    found = task_config(config, tasks, 1, tmp_path)
    assert (found["data"]["augment"], found["source"]["augment"]) == ("always", "auto")


def test_of_a_few_shot_draw_no_other_samples_are_held_on_to(tmp_path: Path) -> None:
    loading = {"batch_size": 8, "per_class": 5, "seed": 4}
    tasks = [LearnedTask(name, {"_target_": f"source.{name}", **loading}) for name in "abc"]
    found = task_config(CONFIG, tasks, 2, tmp_path)["source"]
    few = {"_target_": "tlx.data.few_shot.FewShot", "shots": 5, "draw_seed": 4}
    assert found["of"] == [{**few, "of": {"_target_": f"source.{name}"}} for name in "ab"]
    assert found["per_class"] is None


def test_one_head_goes_on_and_without_a_regularizer_no_source_is_read(tmp_path: Path) -> None:
    config = {**CONFIG, "scenario": "domain", "regularizer": {}}
    found = task_config(config, TASKS, 1, tmp_path)
    assert found["init_head"] == "continued" and found["source"] is None


def test_the_figures_are_those_of_the_matrix() -> None:
    matrix = [[10, 20, 30], [90, 20, 30], [95, 80, 30], [70, 85, 90]]
    rows = [[Told(value, 100, "test") for value in row] for row in matrix]
    found = results(CONFIG, TASKS, rows, [2, 3])
    assert found["matrix"] == [[value / 100 for value in row] for row in matrix]
    assert found["test/average_accuracy"] == pytest.approx((0.7 + 0.85 + 0.9) / 3)
    assert found["test/backward_transfer"] == pytest.approx((0.7 - 0.9 + 0.85 - 0.8) / 2)
    assert found["test/forgetting"] == pytest.approx((0.95 - 0.7 + 0.8 - 0.85) / 2)
    assert found["test/forward_transfer"] == pytest.approx((0.2 - 0.2 + 0.3 - 0.3) / 2)
    assert found["tasks"] == ["a", "b", "c"] and found["samples"] == [100] * 3
    assert found["regularizer"] == {"ewc": {"strength": 3.0}} and found["held_on_in"] == [2, 3]
    assert found["measured_on"] == "test"
    rows[0][1] = rows[0][1]._replace(split="val")
    mixed = results(CONFIG, TASKS, rows, [2, 3])
    assert mixed["measured_on"] == "test and val" and not any("/" in key for key in mixed)
    assert mixed["forgetting"] == found["test/forgetting"]
    rows[0] = [each._replace(split="val") for each in rows[0]]
    assert results(CONFIG, TASKS, rows, [2, 3])["val/average_accuracy"] == found["test/average_accuracy"]
    assert not any(math.isnan(found[key]) for key in found if key.startswith("test/"))
