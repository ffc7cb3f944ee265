import json
from pathlib import Path
from typing import Any

import pytest

from tlx.protocols.comparison.arms import Arm, curve_of, monitored, seeded, train_arm, tuned
from tlx.protocols.given import Given, Makers

CONFIG: dict[str, Any] = {
    "seed": 3,
    "data": {"seed": 3, "root": "photos"},
    "monitor": "val/accuracy",
    "task": {"_target_": "tlx.tasks.multiclass.Multiclass"},
}


def given(folder: Path, figures: dict[float, float], trained: list[dict[str, Any]]) -> Given:
    def train(run: Path, config: Any) -> None:
        trained.append(config)
        run.mkdir(parents=True, exist_ok=True)
        summary = {config["monitor"]: figures[config["rate_scale"]] + config["seed"], "train/epochs": 2}
        (run / "summary.json").write_text(json.dumps(summary))

    makers = Makers(train, None, None, (), None, None)  # type: ignore[arg-type]  # only training is asked for
    return Given(CONFIG, folder, makers, lambda line: None)


def test_another_seed_reaches_what_refers_to_it_and_nothing_else() -> None:
    assert seeded(CONFIG, 5) == CONFIG | {"seed": 5, "data": {"seed": 5, "root": "photos"}}
    own = CONFIG | {"data": {"seed": 9}}
    assert seeded(own, 5)["data"] == {"seed": 9}
    assert CONFIG["seed"] == 3


def test_a_run_is_trained_at_its_rate_in_a_folder_that_says_so(tmp_path: Path) -> None:
    trained: list[dict[str, Any]] = []
    run = train_arm(given(tmp_path, {0.3: 0.5}, trained), Arm("scratch", CONFIG), 0.3, 4)
    assert run.folder == tmp_path / "runs" / "scratch" / "rate0.3-seed4"
    assert (trained[0]["rate_scale"], trained[0]["seed"], trained[0]["page"]) == (0.3, 4, False)


def test_a_person_hears_what_is_trained_in_words(tmp_path: Path) -> None:
    said: list[str] = []
    asked = given(tmp_path, {0.3: 0.5}, [])._replace(say=said.append)
    for name in ("shots4-", ""):
        train_arm(asked, Arm("full", CONFIG), 0.3, 1, name)
    assert said == [
        "full: shots4, rates times 0.3, seed 1: val/accuracy 1.5000 in 2 epochs",
        "full: rates times 0.3, seed 1: val/accuracy 1.5000 in 2 epochs",
    ]


@pytest.mark.parametrize(
    ("monitor", "figures", "best"),
    [
        ("val/accuracy", {0.3: 0.5, 1.0: 0.9, 3.0: 0.7}, 1.0),
        ("val/loss", {0.3: 0.5, 1.0: 0.9, 3.0: 0.7}, 0.3),
        ("val/accuracy", {0.3: 0.5, 1.0: 0.5, 3.0: 0.1}, 0.3),
    ],
)
def test_the_best_rate_by_validation_is_taken_and_the_smaller_of_equal_ones(
    tmp_path: Path, monitor: str, figures: dict[float, float], best: float
) -> None:
    arm = Arm("transfer", CONFIG | {"monitor": monitor})
    rate, means = tuned(given(tmp_path, figures, []), arm, [3.0, 0.3, 1.0], [0, 2])
    assert rate == best
    assert means == {each: pytest.approx(value + 1) for each, value in figures.items()}


def test_where_the_last_epoch_counts_the_headline_compares() -> None:
    assert monitored(CONFIG | {"monitor": "epoch"}) == "val/accuracy"
    regression = {"_target_": "tlx.tasks.regression.Regression"}
    assert monitored(CONFIG | {"monitor": "epoch", "task": regression}) == "val/mae"


def test_a_curve_has_a_value_for_each_epoch(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,val/accuracy\n1,0.5\n2,0.75\n")
    from tlx.protocols.comparison.arms import Finished

    assert curve_of(Finished(tmp_path, 0, {}), "val/accuracy") == [0.5, 0.75]
