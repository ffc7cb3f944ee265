import json

import pytest
from scipy import stats

from tlx.errors import CheckpointError
from tlx.report.evaluation import read_evaluation


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
    assert scores.accuracy_interval == pytest.approx((expected.low, expected.high))


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
