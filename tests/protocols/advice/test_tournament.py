import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlx.command_line import SCRATCH
from tlx.plan import Phase, Plan
from tlx.protocols.advice import tournament as module
from tlx.protocols.advice.run_seconds import RunSeconds, Sizes
from tlx.protocols.advice.tournament import Entry, Tournament
from tlx.protocols.given import Given, Makers

STAGES = ("low", "high")
TASK = {"_target_": "tlx.tasks.multiclass.Multiclass"}
EPOCHS = {"brief": 4}
WORTH = {"head": 0.7, "full": 0.8, "poor": 0.3, "scratch": 0.2}


def plan_of(config: dict[str, Any]) -> Plan:
    trains = {"head": 1.0} if config["strategy"] == "head" else {"low": 0.1, "head": 1.0}
    return Plan(STAGES, (Phase("all", trains, EPOCHS.get(config["strategy"], 12)),))


class Course:
    """A tournament whose runs are told by a table: worth rises with epochs and is greatest at rates "
    "times 3."""

    def __init__(self, folder: Path, seconds: float = 10.0) -> None:
        self.folder, self.seconds, self.trained = folder, seconds, list[str]()
        self.costs = dict[str, float]()

    def train(self, run: Path, config: Any) -> None:
        if (run / "summary.json").is_file():
            return
        self.trained.append(f"{run.parent.name}/{run.name}")
        epochs = min(EPOCHS.get(config["strategy"], 12), config["trainer"]["limit_epochs"])
        bonus = 0.05 * (config["rate_scale"] == 3) + 0.02 * bool(config["regularizer"])
        value = WORTH[config["strategy"]] + 0.001 * epochs + bonus
        summary = {
            "val/accuracy": value,
            "train/epochs": epochs,
            "train/seconds": self.costs.get(config["strategy"], self.seconds),
        }
        summary["parameters/trainable"] = 10 if config["strategy"] == "head" else 1000
        run.mkdir(parents=True, exist_ok=True)
        (run / "summary.json").write_text(json.dumps(summary))

    def tournament(self, budget: float, names: tuple[str, ...] = tuple(WORTH)) -> Tournament:
        config = {"seed": 0, "monitor": "val/accuracy", "task": TASK, "trainer": {}, "regularizer": {}}
        config |= {"data": {}}
        of_tests: Any = (
            self.train,
            lambda config: config,
            None,
            (),
            None,
            None,
        )  # a config stands for its job
        makers = Makers(*of_tests)
        given = Given(config, self.folder, makers, lambda line: None)
        entries = [Entry(f"strategy={name}", {**config, "strategy": name}) for name in names]
        kept = RunSeconds(self.folder / "seconds.json", Sizes(100, 20, 20, 0.01))
        return Tournament(given, entries, [0.3, 1.0, 3.0], {"l2sp": {"strength": 1}}, budget, kept)


@pytest.fixture(autouse=True)
def _plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "plan_of", plan_of)


def test_the_better_half_goes_on_and_the_winner_is_tried_at_other_rates_and_held(tmp_path: Path) -> None:
    course = Course(tmp_path)
    played = course.tournament(10_000)
    winner = played.play()
    assert winner is not None
    assert (winner.entry.name, winner.entry.rate) == ("strategy=full regularizer=l2sp", 3.0)
    second = {p.entry.name for p in played.played if played.is_of(winner.limit, p) and p.entry.rate == 1}
    assert second == {"strategy=full", SCRATCH, "strategy=head"}
    assert not played.skipped


def test_only_a_winner_that_trains_the_backbone_is_held(tmp_path: Path) -> None:
    played = Course(tmp_path).tournament(10_000, ("head", "scratch"))
    winner = played.play()
    assert winner is not None
    assert (winner.entry.name, winner.entry.rate) == ("strategy=head", 3.0)
    assert not any("l2sp" in each.entry.name for each in played.played)


def test_scratch_never_wins_and_is_compared_at_the_longest_length_that_both_ran(tmp_path: Path) -> None:
    played = Course(tmp_path).tournament(10_000, ("poor", "scratch"))
    WORTH["scratch"], before = 0.9, WORTH["scratch"]
    try:
        winner = played.play()
    finally:
        WORTH["scratch"] = before
    assert winner is not None
    assert winner.entry.name.startswith("strategy=poor")
    pair = played.against_scratch()
    assert pair is not None
    assert {each.run.summary["train/epochs"] for each in pair} == {12}
    assert pair[1].entry.name == SCRATCH


def test_scratch_in_full_is_what_a_strategy_is_held_against_that_is_over_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WORTH, "brief", 0.5)
    played = Course(tmp_path).tournament(10_000, ("brief", "scratch"))
    assert played.play() is not None
    pair = played.against_scratch()
    assert pair is not None
    assert [each.run.summary["train/epochs"] for each in pair] == [4, 12]


def test_of_equal_runs_the_one_that_trains_less_wins_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WORTH, "full", WORTH["head"])
    played = Course(tmp_path).tournament(10_000, ("head", "full"))
    runs = [played._run(entry, 4) for entry in played.entries]
    slow = [replace(run, seconds=9.0 - place) for place, run in enumerate(runs) if run is not None]
    assert [run.entry.name for run in played._ordered(slow)] == ["strategy=head", "strategy=full"]
    usual = slow[0]
    changed = replace(usual, entry=replace(usual.entry, rate=3.0), seconds=1.0)
    assert played._ordered([changed, usual]) == [usual, changed]


def test_what_is_expected_to_end_beyond_the_budget_does_not_begin(tmp_path: Path) -> None:
    played = Course(tmp_path, seconds=10.0).tournament(25.0)
    winner = played.play()
    assert winner is not None
    assert played.spent <= 25.0
    assert len(played.played) == 2
    assert any(line.startswith("strategy=poor") for line in played.skipped)


def test_the_head_alone_is_trained_in_full_at_once(tmp_path: Path) -> None:
    course = Course(tmp_path)
    course.tournament(10_000, ("head", "full")).play()
    assert course.trained[:2] == ["head/epochs12-rate1-seed0", "full/epochs10-rate1-seed0"]


def test_the_cheapest_runs_first(tmp_path: Path) -> None:
    course = Course(tmp_path)
    course.tournament(10_000, ("full", "head", "scratch")).play()
    assert course.trained[0].startswith("head/")


def test_who_was_better_in_a_short_run_is_not_beaten_for_want_of_time(tmp_path: Path) -> None:
    course = Course(tmp_path)
    course.costs = {"full": 150.0}
    played = course.tournament(200.0, ("head", "full"))
    winner = played.play()
    assert winner is not None
    assert any("strategy=full, 12 epochs" in line for line in played.skipped)
    assert winner.entry.name == "strategy=full"


def test_the_first_run_is_made_whatever_it_takes(tmp_path: Path) -> None:
    played = Course(tmp_path, seconds=99.0).tournament(1.0)
    assert played.play() is not None
    assert [each.entry.name for each in played.played] == ["strategy=head"]


@pytest.mark.parametrize("budget", [25.0, 75.0, 10_000.0])
def test_a_tournament_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path, budget: float) -> None:
    whole = Course(tmp_path / "whole")
    wanted = whole.tournament(budget)
    assert (winner := wanted.play()) is not None
    cut = Course(tmp_path / "cut")
    first = cut.tournament(budget)
    for entry in first.entries[:2]:
        first._run(entry, first.seconds.epochs or first.seconds.settle(first._first_epochs()))
    again = cut.tournament(budget)
    assert (found := again.play()) is not None
    assert (found.entry, found.limit) == (winner.entry, winner.limit)
    assert again.skipped == wanted.skipped
    assert len(cut.trained) == len(set(cut.trained)) == len(whole.trained)
    repeated = cut.tournament(budget)
    assert repeated.play() == found
    assert len(cut.trained) == len(whole.trained)


def test_the_first_round_is_as_long_as_its_share_allows(tmp_path: Path) -> None:
    lengths = [Course(tmp_path / str(budget)).tournament(budget)._first_epochs() for budget in (10, 150, 900)]
    assert lengths == [1, 4, 10]
