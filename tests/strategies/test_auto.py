import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.jobs import MadeUp, small_job
from tests.faults.outcome import epochs
from tests.quiet import fit_quietly
from tlx.assembly import describe_plan
from tlx.composition.compose import compose
from tlx.composition.job import make_job
from tlx.errors import ConfigError
from tlx.plan import HEAD
from tlx.strategies.auto import auto
from tlx.strategies.discriminative import discriminative
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.full import full
from tlx.tasks.multilabel import Multilabel
from tlx.tasks.regression import Regression

STAGES = ["stem", "layer1", "layer2", "layer3", "layer4"]


@pytest.mark.parametrize(
    ("least", "trained"),
    [
        (0, []),
        (99, []),
        (100, ["layer4"]),
        (299, ["layer4"]),
        (300, ["layer3", "layer4"]),
        (999, ["layer3", "layer4"]),
        (1000, ["layer2", "layer3", "layer4"]),
        (10_000, ["layer2", "layer3", "layer4"]),
        (10_001, STAGES),
    ],
)
def test_the_smallest_class_decides_what_trains(least: int, trained: list[str]) -> None:
    (phase,) = auto(STAGES, counts=(20_000, least, 20_001)).phases
    assert list(phase.trains) == [*trained, HEAD]


def test_it_is_the_plan_of_the_strategy_it_names() -> None:
    assert auto(STAGES, counts=(12,)).phases == feature_extraction(STAGES).phases
    assert auto(STAGES, counts=(10_001,)).phases == full(STAGES).phases
    assert auto(STAGES, counts=(100,)).phases[0].trains["layer4"] == 1e-5
    half, whole = (plan.phases[0].trains for plan in (auto(STAGES, counts=(5000,)), discriminative(STAGES)))
    assert half == {part: whole[part] for part in half}


@pytest.mark.parametrize("least", [0, 150, 500, 5000, 50_000])
def test_the_command_in_the_note_gives_the_same_plan(least: int) -> None:
    plan = auto(STAGES, counts=(least,))
    command = plan.note.rpartition(" (")[2].removesuffix(")")
    first, _, rest = command.partition(" ")
    words = [rest.strip("'")] if "{" in rest else rest.split()
    job = make_job(compose("fit", ["model.weights=null", first, *words]).config)
    named = job.strategy(STAGES)
    assert [phase.trains.keys() for phase in named.phases] == [phase.trains.keys() for phase in plan.phases]
    for part, rate in plan.phases[0].trains.items():
        assert named.phases[0].trains[part] == pytest.approx(rate, rel=1e-5)


def test_the_note_says_which_rule_fired_and_by_which_class() -> None:
    plan = auto(STAGES, counts=(130, 121), classes=("bees", "ants"))
    assert plan.note == (
        "auto: the smallest class 'ants' has 121 training samples; 100 to 299: the last stage, at a low rate "
        "(strategy=partial strategy.head_rate=0.01 strategy.backbone_rate=1e-05)"
    )
    assert "the smallest class has 1 training sample;" in auto(STAGES, counts=(3, 1)).note
    assert "a tenth of the training samples is 52, which" in auto(STAGES, counts=(52,)).note


def test_epochs_and_patience_are_those_given() -> None:
    assert [p.epochs for p in auto(STAGES, counts=(12,), epochs=4, patience=2).phases] == [4]
    assert auto(STAGES, counts=(12,), patience=2).phases[0].patience == 2
    with pytest.raises(ConfigError, match="epochs=0"):
        auto(STAGES, counts=(12,), epochs=0)


def test_a_backbone_of_one_stage_has_a_plan_for_every_count() -> None:
    for least in (0, 150, 500, 5000, 50_000):
        assert auto(["whole"], counts=(least,)).phases[0].trains[HEAD] > 0


def test_without_labels_it_says_what_it_needs() -> None:
    with pytest.raises(ConfigError, match="no label was counted. Try: data with labels, or a strategy by"):
        auto(STAGES)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (None, "the smallest class 'right' has 17 training samples"),
        (Multilabel(), "the smallest class 'top' has 17 training samples"),
        (Regression(), "a tenth of the training samples is 5,"),
    ],
)
def test_the_fit_counts_what_the_task_has(task: Any, said: str) -> None:
    """52 made-up samples: 18, 17 and 17 of a class; 18, 35 and 17 of a label."""
    _, table = describe_plan(small_job(strategy=auto, task=task))
    assert said in " ".join(table.split())


def test_a_few_shot_draw_is_what_counts() -> None:
    job = small_job(strategy=auto, source=MadeUp(train=600))
    assert "has 200 training samples; 100 to 299" in describe_plan(job)[1]
    job = small_job(strategy=auto, source=MadeUp(train=600))
    job.data.per_class = 7
    assert "has 7 training samples; below 100" in describe_plan(job)[1]


def test_what_it_came_to_is_written_down_and_gone_on_from(tmp_path: Path) -> None:
    summary = fit_quietly(small_job(strategy=auto, limit_epochs=1, page=True), tmp_path)
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["note"].startswith("auto: the smallest class 'right' has 17")
    assert "auto: the smallest class" in (tmp_path / "report.html").read_text()
    (tmp_path / "summary.json").unlink()

    def other(stages: object) -> None:
        raise AssertionError("a resume reads plan.json")

    assert fit_quietly(small_job(strategy=other, limit_epochs=1), tmp_path) == summary
    assert len(epochs(tmp_path)) == 1
