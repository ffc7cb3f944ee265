from pathlib import Path
from typing import Any

import pytest

from tlx.composition.compose import compose
from tlx.errors import ConfigError
from tlx.protocols.given import Given
from tlx.protocols.lr import Lr
from tlx.protocols.unread import TRAINING, changed, refuse_unread, refuse_unread_settings
from tlx.verbs.makers import makers


def given(*words: str) -> Given:
    config = compose("fit", words).config
    return Given(config, Path("nowhere"), makers((), quiet=True), print)


def test_what_is_not_set_is_not_refused_nor_what_says_the_default() -> None:
    same = given("strategy=gradual_unfreezing", "mixup=0.0", "model=mlp", "data.per_class=4", "trainer=smoke")
    assert changed(same, TRAINING) == []
    refuse_unread(same, TRAINING, "nothing trains", "training")
    refuse_unread_settings(Lr(factors=[0.1, 1, 10]), ["factors", "seeds"], "no sweep", "a sweep")


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_the_figure_that_a_task_selects_by_is_no_wish(task: str) -> None:
    assert changed(given(f"task={task}"), ["monitor"]) == []
    assert changed(given(f"task={task}", "monitor=epoch"), ["monitor"]) == ["monitor"]


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("strategy=full", "strategy"),
        ("strategy.patience=77", "strategy"),
        ("optimizer=sgd", "optimizer"),
        ("regularizer=l2sp", "regularizer"),
        ("data@source=digits", "source"),
        ("task.label_smoothing=0.1", "task"),
        ("monitor=val/loss", "monitor"),
        ("mixup=0.2", "mixup"),
        ("ema=0.9", "ema"),
        ("rate_scale=3", "rate_scale"),
        ("+stage_rates.layer3=2", "stage_rates"),
        ("norms=all", "norms"),
        ("logger=tensorboard", "logger"),
    ],
)
def test_a_key_that_is_set_is_named_with_the_reason_and_two_ways_out(word: str, key: str) -> None:
    assert changed(given(word), TRAINING) == [key]
    said = f"nothing would read {key}: nothing trains. Try: rank.finetune=true, or without {key}"
    with pytest.raises(ConfigError) as caught:
        refuse_unread(given(word), TRAINING, "nothing trains", "rank.finetune=true")
    assert said in str(caught.value)


@pytest.mark.parametrize("settings", [{"seeds": 2}, {"factors": [0.1, 1]}])
def test_a_setting_of_the_question_itself_is_named_the_same_way(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(ConfigError, match=f"nothing would read lr.{name}: no sweep"):
        refuse_unread_settings(Lr(**settings), ["factors", "seeds"], "no sweep", "a sweep")
