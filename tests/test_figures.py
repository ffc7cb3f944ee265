import pytest

from tlx.errors import ConfigError
from tlx.figures import FIGURES, SEQUENCE, TASK_FIGURES, TRAIN_FIGURE, figures_of, higher_is_better, splits_of
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


def test_runs_are_measured_on_two_splits_and_answers_and_sequences_on_one() -> None:
    for task in TRAIN_FIGURE:
        assert splits_of({"task": task}) == ("val", "test")
    for task in (SEQUENCE, *QUESTIONS):
        assert splits_of({"task": task}) == ("test",)
    assert splits_of({}) == splits_of({"task": "fit"}) == ("val", "test")
