import math

import pytest

from tlx.errors import ConfigError
from tlx.figures import (
    FIGURES,
    SEQUENCE,
    TASK_FIGURES,
    TRAIN_FIGURE,
    columns_of,
    figure_of,
    figures_of,
    higher_is_better,
)
from tlx.verbs.protocol import QUESTIONS


def test_every_figure_of_a_task_is_described() -> None:
    for names in (*TASK_FIGURES.values(), tuple(TRAIN_FIGURE.values())):
        assert set(names) <= set(FIGURES)
    assert set(TASK_FIGURES) - {SEQUENCE, *QUESTIONS} == set(TRAIN_FIGURE)


@pytest.mark.parametrize(
    ("monitor", "expected"), [("val/accuracy", True), ("val/loss", False), ("val/mae", False)]
)
def test_the_direction_of_a_monitor(monitor: str, expected: bool) -> None:
    assert higher_is_better(monitor) is expected


@pytest.mark.parametrize("monitor", ["val/acuracy", "train/loss", "accuracy"])
def test_an_unknown_monitor_is_refused_with_the_nearest(monitor: str) -> None:
    with pytest.raises(ConfigError, match="val/accuracy"):
        higher_is_better(monitor)


def test_a_summary_of_before_there_were_tasks_is_multiclass() -> None:
    assert figures_of({})[0] == "accuracy"


def test_runs_are_compared_on_two_splits_whatever_they_have() -> None:
    assert columns_of({"task": "regression"}, 1) == ["val/mae", "test/mae"]
    assert columns_of({}, 1) == columns_of({"task": "fit"}, 1) == ["val/accuracy", "test/accuracy"]


def test_of_answers_and_sequences_the_figures_that_they_have_are_compared() -> None:
    advice = {"task": "advise", "held_out/neighbour_accuracy": 0.5, "val/tournament_accuracy": None}
    assert columns_of(advice) == ["val/tournament_accuracy", "held_out/neighbour_accuracy"]
    assert columns_of({"task": "gain", "test/error_saved": 0.5, "test/accuracy": 1.0}, 2) == [
        "test/error_saved"
    ]
    bounds = {"test/error_saved_low": 0.1, "test/error_saved_high": 0.9}
    assert columns_of({"task": "gain", "test/error_saved": 0.5, **bounds}, 2) == ["test/error_saved"]
    assert len(columns_of({"task": "gain", "test/error_saved": 0.5, **bounds})) == 3
    assert columns_of({"task": "lr", "test/rate_factor": 3.0}) == ["test/rate_factor"]  # of an older tlx
    assert columns_of({"task": SEQUENCE, "test/forgetting": 0.0}) == ["test/forgetting"]


def test_where_there_is_none_yet_the_headline_stands_for_it() -> None:
    assert columns_of({"task": "distance"}) == ["a_distance"]


@pytest.mark.parametrize(
    ("key", "least", "most"),
    [
        ("test/accuracy", 0.0, 1.0),
        ("test/gain", -1.0, 1.0),
        ("val/mae", 0.0, math.inf),
        ("val/r2", -math.inf, 1.0),
        ("rate_factor", 0.0, math.inf),
        ("logme", -math.inf, math.inf),
        ("kid", -math.inf, math.inf),
    ],
)
def test_a_figure_says_what_it_can_be(key: str, least: float, most: float) -> None:
    assert figure_of(key).bounds == (least, most)
