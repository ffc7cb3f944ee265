from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from tlx.functional.crossed_interval import crossed_interval
from tlx.functional.intervals import wilson
from tlx.protocols.advice import compared_runs as module
from tlx.protocols.advice.compared_runs import ComparedRuns
from tlx.protocols.advice.tournament import Entry, Played
from tlx.protocols.comparison.arms import Finished

WORTH = {"best": [1.0, 1, 1, 0], "near": [1.0, 1, 0, 0], "short": [1.0, 0, 0, 0], "scratch": [0.0, 0, 0, 0]}


def played(name: str, limit: int) -> Played:
    worth = WORTH[name]
    summary = {"val/accuracy": sum(worth) / 4, "train/epochs": limit, "parameters/trainable": 7}
    return Played(Entry(f"strategy={name}", {}), limit, Finished(Path(name), 0, summary), 0.5, 2.0)


BEST, NEAR, SHORT, SCRATCH = (played(*each) for each in zip(WORTH, (3, 3, 1, 1), strict=True))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []

    def worth_of_each(run: Path, data: Any, settings: Any, split: str, trust: Any) -> Tensor:
        told.append(f"{run} {split}")
        return torch.tensor(WORTH[str(run)], dtype=torch.float64)

    monkeypatch.setattr(module, "worth_of_each", worth_of_each)
    return told


def compared(pair: tuple[Played, Played] | None, full: bool = True) -> ComparedRuns:
    data = SimpleNamespace(splits=SimpleNamespace(val=range(4)))
    tournament = SimpleNamespace(
        played=[SHORT, SCRATCH, NEAR, BEST],
        against_scratch=lambda: pair,
        is_of=lambda limit, run: run.limit == limit,
        in_full=lambda run: full,
    )
    job: Any = SimpleNamespace(data=data, trainer=None)
    told: Any = tournament
    return ComparedRuns(job, told, ())


def test_those_of_the_winners_length_are_compared_sample_by_sample(asked: list[str]) -> None:
    found = compared(None).entrants(BEST)
    assert [each.name for each in found] == [
        f"strategy={name}" for name in ("best", "near", "short", "scratch")
    ]
    assert (found[0].behind, found[1].behind, found[2].behind) == (0.0, 0.25, None)
    bounds = crossed_interval(torch.tensor([[0.0, 0, 1, 0]]), reach=1.0)
    assert (found[1].behind_low, found[1].behind_high) == bounds
    assert (found[2].low, found[2].high) == wilson(1, 4)
    assert sorted(asked) == ["best val", "near val"]


def test_scratch_is_held_against_the_run_of_its_length(asked: list[str]) -> None:
    runs = compared((SHORT, SCRATCH))
    risk = runs.risk(margin=0.01)
    assert risk is not None
    assert (risk.gain, risk.epochs, risk.winner_epochs, risk.verdict) == (0.25, 1, 1, "none shown")
    longer = compared((BEST, SCRATCH)).risk(margin=0.01)
    assert longer is not None and (longer.epochs, longer.winner_epochs) == (1, 3)
    assert (risk.low, risk.high) == crossed_interval(torch.tensor([[1.0, 0, 0, 0]]), reach=1.0)
    asked.clear()
    runs.risk(margin=0.5)
    assert asked == []


def test_nothing_is_compared_where_nothing_was_run(asked: list[str]) -> None:
    assert compared(None).entrants(None) == ()
    assert compared(None).risk(0.01) is None
    assert asked == []


def test_a_gain_over_a_scratch_that_was_cut_short_cannot_be_told(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WORTH, "best", [1.0] * 12)
    monkeypatch.setitem(WORTH, "scratch", [0.0] * 12)
    verdicts = [compared((BEST, SCRATCH), full).risk(0.01) for full in (True, False)]
    assert [risk and risk.verdict for risk in verdicts] == ["positive transfer", "cannot be told"]
    harm = compared((SCRATCH, BEST), full=False).risk(0.01)
    assert harm is not None
    assert (harm.verdict, harm.low) == ("negative transfer", -1.0)
