import json

import numpy as np
import pytest
import torch
from scipy import stats

from tlx.errors import CheckpointError
from tlx.report.evaluation import accuracy_interval, read_evaluation
from tlx.tasks.multiclass import Multiclass
from tlx.tasks.multilabel import Multilabel
from tlx.tasks.regression import Regression


@pytest.fixture
def path(run_maker, tmp_path):
    return run_maker(tmp_path / "run") / "evaluation.json"


def change(path, **values):
    raw = json.loads(path.read_text())
    raw["splits"]["val"] |= values
    path.write_text(json.dumps(raw))


def test_the_interval_is_over_the_samples_of_the_split(path):
    scores = read_evaluation(path)["test"]
    right = sum(scores.confusion[i][i] for i in range(3))
    expected = stats.binomtest(right, scores.samples).proportion_ci(0.95, method="wilson")
    assert accuracy_interval(scores.metrics["accuracy"], scores.samples) == pytest.approx(
        (expected.low, expected.high)
    )


def test_confused_pairs_come_the_most_frequent_first_and_leave_the_diagonal_out(path):
    change(path, confusion=[[9, 3, 0], [0, 10, 1], [5, 0, 5]])
    assert read_evaluation(path)["val"].confused_pairs() == [
        ("wasps", "ants", 5, 0.5),
        ("ants", "bees", 3, 0.25),
        ("bees", "wasps", 1, 1 / 11),
    ]


def test_an_empty_bin_and_a_score_without_a_value_are_none(path):
    empty = {"low": 0.0, "high": 1.0, "count": 0, "confidence": None, "accuracy": None}
    change(path, reliability=[empty], metrics={"accuracy": 0.5, "loss": float("nan")})
    scores = read_evaluation(path)["val"]
    assert (scores.bins[0].confidence, scores.metrics["loss"], scores.metrics["f1"]) == (None, None, None)


def test_classes_of_mistakes_may_be_numbers_or_names(path):
    mistake = {"id": 0, "name": "a", "target": "wasps", "predicted": 1}
    change(path, mistakes=[mistake])
    (read,) = read_evaluation(path)["val"].mistakes
    assert (read.target, read.predicted, read.image, read.text) == ("wasps", "bees", None, None)


@pytest.mark.parametrize(
    "values",
    [
        {"confusion": [[1, 2], [3, 4]]},
        {"confusion": [[1], [2, 3], [4]]},
        {"per_class": []},
        {"samples": "many"},
        {"mistakes": [{"name": "a", "target": 7, "predicted": 0}]},
    ],
)
def test_parts_that_do_not_fit_are_refused(path, values):
    change(path, **values)
    with pytest.raises(CheckpointError, match=r"evaluation\.json cannot be used"):
        read_evaluation(path)


@pytest.mark.parametrize(
    "image",
    ["javascript:alert(1)", "data:text/html;base64,AAAA", 'data:image/png;base64,A" onload="x', "x.png"],
)
def test_only_pictures_held_in_the_file_are_shown(path, image):
    change(path, mistakes=[{"name": "a", "target": 0, "predicted": 1, "image": image}])
    assert read_evaluation(path)["val"].mistakes[0].image is None


@pytest.fixture
def other(run_maker, tmp_path):
    return lambda task: run_maker(tmp_path / task, task=task) / "evaluation.json"


def test_a_file_without_a_task_is_multiclass(path):
    raw = json.loads(path.read_text())
    assert raw.pop("task") == "multiclass"
    path.write_text(json.dumps(raw))
    assert read_evaluation(path)["val"].task == "multiclass"


def test_an_unknown_task_is_refused(path):
    path.write_text(json.dumps(json.loads(path.read_text()) | {"task": "ranking"}))
    with pytest.raises(CheckpointError, match="there is no task 'ranking'"):
        read_evaluation(path)


def test_several_classes_have_answers_and_no_confusion(other):
    path = other("multilabel")
    change(path, metrics={"average_precision": float("nan"), "exact_match": 0.25})
    scores = read_evaluation(path)["val"]
    assert (scores.confusion, scores.intervals, len(scores.bins)) == ((), {}, 15)
    assert (scores.metrics["average_precision"], scores.metrics["exact_match"]) == (None, 0.25)
    assert scores.per_class[-1].values["average_precision"] is None
    assert scores.mistakes[1].predicted == "ants|bees"


def test_numbers_have_a_range_a_density_and_an_interval(other):
    path = other("regression")
    line = {"name": "age", "samples": 3, "mae": 1.5, "rmse": 2.0, "r2": None, "low": -1, "high": 4}
    lines = [line | {"density": [[1, 0], [0, 2]]}] * 3
    change(path, per_class=lines, intervals={"mae": [1.0, 2.0]})
    scores = read_evaluation(path)["val"]
    assert scores.per_class[0].values == {"mae": 1.5, "rmse": 2.0, "r2": None}
    assert (scores.per_class[0].range, scores.per_class[0].density) == ((-1.0, 4.0), ((1, 0), (0, 2)))
    assert (scores.intervals, scores.bins, scores.confusion) == ({"mae": (1.0, 2.0)}, (), ())
    assert scores.mistakes[0].probability is None


@pytest.mark.parametrize(
    "values",
    [
        {"intervals": {"mae": [2.0, 1.0]}},
        {"intervals": {"mae": [2.0]}},
        {"intervals": {"mae": [None, 1.0]}},
        {"per_class": []},
        {"line": {"density": []}},
        {"line": {"density": [[1, 2], [3]]}},
        {"line": {"low": 5.0, "high": 1.0}},
        {"line": {"high": float("nan")}},
    ],
)
def test_numbers_that_do_not_fit_are_refused(other, values):
    path = other("regression")
    raw = json.loads(path.read_text())
    raw["splits"]["val"]["per_class"][0] |= values.pop("line", {})
    raw["splits"]["val"] |= values
    path.write_text(json.dumps(raw))
    with pytest.raises(CheckpointError, match=r"evaluation\.json cannot be used"):
        read_evaluation(path)


@pytest.mark.parametrize("task", [Multiclass(), Multilabel(), Regression()], ids=lambda task: task.name)
def test_what_a_task_measures_is_what_is_read(task, tmp_path):
    draw = np.random.default_rng(0)
    labels = {
        "multiclass": np.arange(12) % 3,
        "multilabel": draw.integers(0, 2, (12, 3)).astype(np.uint8),
        "regression": draw.normal(5, 2, (12, 3)).astype(np.float32),
    }[task.name]
    classes = ("a", "b", "c")
    measured = task.scores(classes, labels, task.output(labels, classes))
    outputs = torch.tensor(draw.normal(size=(12, 3)), dtype=torch.float32)
    measured.update(outputs, torch.tensor(labels), torch.arange(12))
    result = measured.result()
    raw = {"task": task.name, "classes": list(classes), "splits": {"val": result}}
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(raw))
    scores = read_evaluation(path)["val"]
    assert scores.samples == 12
    assert scores.metrics == result["metrics"]
    assert len(scores.mistakes) == len(result["mistakes"]) > 0
    for line, raw_line in zip(scores.per_class, result["per_class"], strict=True):
        assert line.values == {key: raw_line[key] for key in line.values}
    assert {name: list(bounds) for name, bounds in scores.intervals.items()} == result.get("intervals", {})
