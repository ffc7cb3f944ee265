import json
from pathlib import Path
from typing import Any

import pytest

from tlx.errors import CheckpointError
from tlx.figures import TASK_FIGURES
from tlx.functional.intervals import wilson
from tlx.report.sequence import DEFINITIONS, result_lines, write_page

RESULT: dict[str, Any] = {
    "model": "tiny",
    "data": "digits",
    "strategy": "full",
    "scenario": "task",
    "regularizer": {"ewc": {"strength": 3.0, "tasks": "online"}},
    "seed": 4,
    "tasks": ["0, <b>1</b>", "2, 3"],
    "measured_on": "test",
    "samples": [120, 80],
    "matrix": [[0.5, 0.25], [0.975, 0.375], [0.75, 1.0]],
    "test/average_accuracy": 0.875,
    "test/backward_transfer": -0.225,
    "test/forgetting": 0.225,
    "test/forward_transfer": 0.125,
}


def written(folder: Path, **changes: Any) -> str:
    (folder / "result.json").write_text(json.dumps(RESULT | changes))
    return write_page(folder).read_text()


def test_the_page_shows_every_value_of_the_matrix_and_says_what_each_figure_is(tmp_path: Path) -> None:
    (tmp_path / "tasks" / "02").mkdir(parents=True)
    (tmp_path / "tasks" / "02" / "report.html").touch()
    page = written(tmp_path)
    for said in ("50.0", "25.0", "97.5", "37.5", "75.0", "100.0", "ewc (strength 3.0, tasks online)"):
        assert said in page
    for name in TASK_FIGURES["sequence"]:
        assert DEFINITIONS[name] in page
    assert 'href="tasks/02/report.html"' in page
    assert "tasks/01" not in page  # a run with page=false
    assert "\N{MINUS SIGN}22.5\u00a0points" in page and "12.5\u00a0points" in page
    assert "<svg" in page and "<b>1</b>" not in page and "lean to the good side" not in page


def test_with_a_head_for_each_task_what_is_asked_of_untrained_heads_is_marked(tmp_path: Path) -> None:
    said = "heads that have not been trained"
    page = written(tmp_path)
    assert page.count(said) == 2  # of forward transfer, and under the matrix
    assert said not in written(tmp_path, scenario="domain")


def test_the_page_shows_the_command_that_learns_it_again(tmp_path: Path) -> None:
    assert "<code>tlx sequence seed=4</code>" in written(tmp_path, command="tlx sequence seed=4")
    assert "Asked by" not in written(tmp_path)  # one of before there were commands


def test_the_page_says_that_the_first_task_holds_on_to_nothing(tmp_path: Path) -> None:
    assert "ewc (strength 3.0, tasks online), from the second task on" in written(tmp_path)
    assert "the second task on" not in written(tmp_path, regularizer={})


def test_each_task_has_the_interval_of_its_last_accuracy_and_the_split_that_measured(tmp_path: Path) -> None:
    page = written(tmp_path)
    low, high = wilson(90, 120)
    assert f"{100 * low:.1f}\N{EN DASH}{100 * high:.1f}\u00a0%" in page
    assert page.count("<dt>Measured on</dt><dd><bdi>the test split of each task</bdi></dd>") == 1
    assert "the val split of each task" in written(tmp_path, measured_on="val")
    assert "the test split of each task, or val where there is none" in written(
        tmp_path, measured_on="test and val"
    )


def test_an_accuracy_that_is_not_there_has_no_interval(tmp_path: Path) -> None:
    page = written(tmp_path, matrix=[[0.5, 0.25], [0.975, 0.375], [None, 1.0]])
    assert page.count("95.4\N{EN DASH}100.0") == 1 and page.count(f"{100 * wilson(90, 120)[0]:.1f}") == 0


def test_the_foot_of_the_page_promises_no_pages_that_are_not_there(tmp_path: Path) -> None:
    none = "No task has a page of its own: <code>tlx report SEQUENCE/tasks/01</code> writes"
    assert none in written(tmp_path)
    (tmp_path / "tasks" / "02").mkdir(parents=True)
    (tmp_path / "tasks" / "02" / "report.html").touch()
    page = written(tmp_path)
    assert page.count('href="tasks/02/report.html"') == 2  # in the table of tasks and above the matrix
    assert "A task's name leads to the page of its run." in page and "No task has a page" not in page


def test_the_page_says_where_a_regularizer_had_nothing_to_hold_on_to(tmp_path: Path) -> None:
    said = "ewc (strength 3.0, tasks online)"
    assert f"{said}, from the second task on" in written(tmp_path, held_on_in=[2])
    page = written(tmp_path, held_on_in=[])
    assert f"nothing, although {said} was chosen: nothing trains that earlier tasks had left" in page
    assert "from the second task on" not in page
    three = {"tasks": ["a", "b", "c"], "samples": [5] * 3, "matrix": [[0.5] * 3] * 4}
    assert f"{said}, in task 3 alone" in written(tmp_path, held_on_in=[3], **three)
    four = {"tasks": [*"abcd"], "samples": [5] * 4, "matrix": [[0.5] * 4] * 5}
    assert f"{said}, in tasks 2 and 4 alone" in written(tmp_path, held_on_in=[2, 4], **four)


def test_figures_of_the_samples_that_chose_the_epochs_are_marked(tmp_path: Path) -> None:
    assert "There is no test split: the tasks are measured" in written(tmp_path, measured_on="val")
    mixed = written(tmp_path, measured_on="test and val")
    assert "Tasks without a test split are measured" in mixed and "lean to the good side" in mixed


def test_of_many_tasks_none_is_named_in_the_plot(tmp_path: Path) -> None:
    many = [f"task number {number}" for number in range(20)]
    page = written(tmp_path, tasks=many, samples=[5] * 20, matrix=[[0.5] * 20] * 21)
    assert page.count("task number 7") == 2  # in the tables alone


def test_a_figure_that_is_not_there_is_a_dash(tmp_path: Path) -> None:
    matrix = [[0.5], [0.9]]
    page = written(tmp_path, tasks=["a"], samples=[5], matrix=matrix, **{"test/forgetting": None})
    assert "\N{EN DASH}" in page


def test_the_lines_for_a_terminal_name_every_figure() -> None:
    lines = [line.replace("\N{NO-BREAK SPACE}", " ") for line in result_lines(RESULT)]
    assert lines[0].split() == ["Average", "accuracy", "87.5", "%"]
    assert lines[1].endswith("\N{MINUS SIGN}22.5 points") and len(lines) == 4


def test_without_a_result_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"result\.json"):
        write_page(tmp_path)


@pytest.mark.parametrize("split", ["test/", "val/", ""])
def test_figures_are_shown_whatever_measured_them(tmp_path: Path, split: str) -> None:
    result = {f"{split}{key[5:]}" if key.startswith("test/") else key: value for key, value in RESULT.items()}
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert "87.5\u00a0%" in write_page(tmp_path).read_text()
    assert result_lines(result)[0].split()[-2:] == ["87.5", "%"]
