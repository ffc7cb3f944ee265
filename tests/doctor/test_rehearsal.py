import functools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.faults.jobs import BY_EPOCHS, small_job
from tests.quiet import fit_quietly
from tlx import training
from tlx.doctor.rehearsal import (
    Rehearsal,
    Trial,
    first_batch,
    modes,
    optimizer_groups,
    rehearse,
    shared,
    space,
    try_batch,
)
from tlx.heads.linear import Linear
from tlx.inspection.finding import Finding
from tlx.plan import Phase, Plan
from tlx.regularizers.ewc import EWC
from tlx.regularizers.replay import Replay
from tlx.report.formats import size
from tlx.strategies.feature_extraction import feature_extraction


@pytest.fixture(scope="module")
def made() -> Rehearsal:
    return rehearse(small_job(strategy=BY_EPOCHS))


@pytest.fixture(scope="module")
def trial(made: Rehearsal) -> Trial:
    return try_batch(made)


def worst(findings: list[Finding]) -> list[str]:
    return [finding.line() for finding in findings if finding.level != "ok"]


def test_groups_are_shown_with_rates_and_decay_phase_by_phase(made: Rehearsal) -> None:
    found = optimizer_groups(made)
    assert worst(found) == []
    assert (
        found[0].what == "phase 1 'head': head at 0.03 with decay 0.01 (24); head at 0.03 with no decay (3)"
    )
    assert "block0, block1 at 0.01 with decay 0.01 (1,152)" in found[1].what
    assert len(found) == 3


def test_what_never_trains_is_said() -> None:
    found = optimizer_groups(rehearse(small_job(strategy=feature_extraction)))
    assert found[-1].what == "never train: 1,296 of 1,323 in stem, block0, block1"


def test_parameters_that_no_group_holds_are_bad() -> None:
    def forgets(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.SGD([group for group in groups if not group["name"].startswith("block1")])

    found = worst(optimizer_groups(rehearse(replace(small_job(strategy=BY_EPOCHS), optimizer=forgets))))
    assert (
        "phase 2 would train 4 parameters that no group of the optimizer holds, first backbone.net.block1"
        in found[0]
    )
    assert len(found) == 2


def test_modes_follow_the_plan(made: Rehearsal) -> None:
    found = modes(made)
    assert worst(found) == []
    assert found[0].what == (
        "phase 1: in evaluation mode stem, block0, block1; 3 of 3 norms frozen in evaluation mode"
    )
    assert (
        found[2].what == "phase 3: in evaluation mode no whole stage; 0 of 3 norms frozen in evaluation mode"
    )


def test_batch_norms_that_see_few_samples_are_warned_of() -> None:
    job = small_job(strategy=BY_EPOCHS)
    job.data.batch_size = 4
    lines = worst(modes(rehearse(job)))
    assert len(lines) == 2
    assert "the other 2 take their statistics from 4 samples at a time. Try: norms=statistics" in lines[0]
    assert worst(modes(rehearse(replace(job, norms="statistics")))) == []


def test_a_batch_runs_and_nothing_moves(made: Rehearsal, trial: Trial) -> None:
    assert worst(first_batch(trial)) == []
    assert (trial.samples, trial.classes, trial.without) == (8, 3, ())
    assert trial.plain == pytest.approx(math.log(3), abs=1)
    fresh = rehearse(small_job(strategy=BY_EPOCHS)).network.state_dict()
    for name, parameter in made.network.named_parameters():
        assert torch.equal(parameter, fresh[name]), name


def test_bytes_are_those_of_weights_and_moments(made: Rehearsal, trial: Trial) -> None:
    parameters = sum(p.numel() for p in made.network.parameters())
    buffers = sum(b.numel() * b.element_size() for b in made.network.buffers())
    assert trial.weights == 4 * parameters + buffers
    steps = sum(1 for _ in made.network.parameters())
    assert trial.moments == 8 * parameters + 4 * steps
    assert trial.batch == 8 * 8 * 8 * 4


def test_a_loss_far_from_guessing_is_warned_of(trial: Trial) -> None:
    class Loud(Linear):
        def __init__(self, in_features: int, classes: int) -> None:
            super().__init__(in_features, classes)
            with torch.no_grad():
                self.linear.weight.mul_(1000)

    loud = try_batch(rehearse(replace(small_job(strategy=BY_EPOCHS), head=Loud)))
    (line,) = worst(first_batch(loud))
    assert "that of guessing 1.10. Try: a look at the data" in line
    (line,) = worst(first_batch(replace(trial, loss=math.nan)))
    assert line.startswith("  bad   8 samples forward and backward")


def test_parameters_that_no_gradient_reaches_are_warned_of() -> None:
    class Deaf(nn.Module):
        def __init__(self, in_features: int, classes: int) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(in_features, classes), nn.Linear(in_features, classes)

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.used(features)

    deaf = try_batch(rehearse(replace(small_job(strategy=BY_EPOCHS), head=Deaf)))
    (line,) = worst(first_batch(deaf))
    assert "2 parameters that train got no gradient, first head.unused.weight" in line


def test_the_phase_that_trains_most_is_the_one_that_is_tried() -> None:
    def strategy(stages: tuple[str, ...]) -> Plan:
        return Plan(stages, (Phase("all", {"stem": 0.1, "head": 0.1}, 1), Phase("head", {"head": 0.1}, 1)))

    narrow = functools.partial(feature_extraction, epochs=1)
    wide = try_batch(rehearse(small_job(strategy=strategy)))
    assert wide.moments > try_batch(rehearse(small_job(strategy=narrow))).moments


def test_a_disk_that_a_run_would_fill_is_named(made: Rehearsal, trial: Trial) -> None:
    """By the bytes that the run itself asks for: three checkpoints and four files of weights."""
    numbers = trial.moments // 8 * 8  # beside a step for each weight
    assert 7 * trial.weights + 3 * numbers > made.disk > 7 * trial.weights
    said = [space(made, trial, free) for free in (made.disk - 1, made.disk + 1, 3 * made.disk)]
    assert [finding.level for finding in said] == ["bad", "warn", "ok"]
    assert "holds on to" not in said[0].what


def test_what_a_run_holds_on_to_is_reckoned_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: Trial
) -> None:
    settings = {"strategy": BY_EPOCHS, "knows": 30, "regularizers": (EWC, Replay)}
    found, asked = rehearse(small_job(**settings)), list[int]()
    monkeypatch.setattr(training, "check_space", lambda folder, needed, others: asked.append(needed))
    fit_quietly(small_job(**settings), tmp_path)
    assert asked == [found.disk]
    written = sum(path.stat().st_size for path in (tmp_path / "known").iterdir())
    assert written < found.known < written + 3 * 8 * 30 + 30 * 128  # the buffer's positions, and headers
    assert f"of it {size(found.known)} of what it holds on to" in space(found, trial, 10**9).what


def test_loading_processes_need_shared_memory(trial: Trial) -> None:
    need = 5 * trial.batch
    assert shared(trial, 0, 0).level == shared(trial, 2, None).level == shared(trial, 2, need).level == "ok"
    found = shared(trial, 2, need - 1)
    assert (found.level, found.fix) == ("bad", "data.num_workers=0, or docker run --shm-size=2g")
