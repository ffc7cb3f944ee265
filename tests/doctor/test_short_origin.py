import functools
from dataclasses import replace
from pathlib import Path

import pytest

from tests.doctor.clock import Clock, job_of
from tests.faults.jobs import BY_EPOCHS
from tests.faults.outcome import differences, outcome
from tests.quiet import fit_quietly
from tlx import training
from tlx.doctor.cost import Cost, PhaseCost, measured, table
from tlx.doctor.short_origin import KnownCost
from tlx.regularizers.ewc import EWC
from tlx.regularizers.kl import KL
from tlx.regularizers.l2sp import L2SP
from tlx.regularizers.lwf import LwF
from tlx.regularizers.replay import Replay
from tlx.strategies.full import full

SHORT = functools.partial(full, epochs=1)
ALL = (
    functools.partial(EWC, samples=60),
    functools.partial(L2SP, strength=0.1),
    functools.partial(LwF, samples=150, ratio=0.2),
    functools.partial(KL, inputs="target"),
    functools.partial(Replay, samples=200, ratio=0.2),
)


@pytest.mark.parametrize(
    "settings",
    [
        {"knows": 210, "regularizers": ALL[:1] + ALL[2:]},
        {"knows": 210, "regularizers": ALL, "strategy": functools.partial(full, epochs=2)},
        {"knows": 210},
        {"knows": 10, "regularizers": ALL},
        {"regularizers": (functools.partial(EWC, samples=70), KL), "strategy": SHORT},
    ],
    ids=["frozen at first", "all trains", "measured alone", "few samples", "no source"],
)
def test_what_is_spent_on_what_was_known_is_foretold_to_the_second(
    settings: dict[str, object], tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first look at the source to the end, where batches are all that takes time."""
    began, begin = list[float](), training._begin_to_hold_on

    def noted(*arguments: object) -> None:
        began.append(clock.now)
        begin(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "_begin_to_hold_on", noted)
    settings = {"strategy": BY_EPOCHS} | settings
    told = measured(job_of(tmp_path / "features", clock, **settings))
    began.clear()
    fit_quietly(job_of(tmp_path / "features", clock, **settings), tmp_path / "run")
    assert told.seconds == clock.now - began[0]


def test_a_pass_over_the_source_is_measured_on_a_few_batches_of_it(tmp_path: Path, clock: Clock) -> None:
    """Of 8 samples each; one for the Fisher information takes a second, and its beginning some more."""
    spent, weighed = {}, {}
    for knows in (400, 4000):
        job = job_of(tmp_path / str(knows), clock, knows=knows, strategy=SHORT, regularizers=ALL)
        job.regularizers[0].samples = None
        began = clock.now
        known = measured(job).known
        spent[knows], weighed[knows] = clock.now - began, known.weighed
        assert (known.before, known.after) == (3, 3)  # of 17 samples
    assert spent[400] == spent[4000]
    assert weighed[4000] - weighed[400] == 3600 / 8


def test_one_of_several_processes_passes_over_its_share(tmp_path: Path, clock: Clock) -> None:
    settings = {"knows": 400, "regularizers": (functools.partial(EWC, samples=320),), "strategy": SHORT}
    alone = measured(job_of(tmp_path, clock, **settings)).known
    share = measured(job_of(tmp_path, clock, devices=2, **settings)).known
    assert alone.weighed - share.weighed == 0  # as many batches, each of half the samples
    assert share.before == 3


def test_what_another_run_made_of_the_source_is_copied(tmp_path: Path, clock: Clock) -> None:
    settings = {"knows": 80, "regularizers": ALL[:1], "strategy": SHORT}
    fresh = [measured(job_of(tmp_path / "features", clock, **settings)).known.weighed for _ in range(2)]
    assert fresh[0] == fresh[1] >= 60 / 8  # measuring leaves nothing
    fit_quietly(job_of(tmp_path / "features", clock, **settings), tmp_path / "run")
    assert measured(job_of(tmp_path / "features", clock, **settings)).known.weighed == 0


def test_what_measuring_begins_is_not_the_jobs(tmp_path: Path, clock: Clock) -> None:
    settings = {"knows": 40, "regularizers": ALL, "strategy": SHORT}
    job = job_of(tmp_path / "features", clock, **settings)
    before = [set(vars(each)) for each in job.regularizers]
    measured(job)
    assert [set(vars(each)) for each in job.regularizers] == before
    assert job.regularizers[2].comparison._recall is None
    assert (job.source.eval_batch_size, len(job.source.splits.train)) == (8, 40)
    fit_quietly(job, tmp_path / "run")
    fit_quietly(job_of(tmp_path / "features", clock, **settings), tmp_path / "other")
    assert differences(outcome(tmp_path / "run"), outcome(tmp_path / "other")) == []


def test_memory_for_samples_that_stay_is_that_of_all_of_them(tmp_path: Path, clock: Clock) -> None:
    """Of 8 x 8 pixels of 4 bytes; features of 8 numbers of the 128 that are measured stand beside them."""
    few = job_of(tmp_path, clock, knows=300, regularizers=(functools.partial(Replay, samples=100),))
    assert measured(few).known.memory == 0
    many = job_of(tmp_path, clock, knows=300, regularizers=(functools.partial(Replay, samples=300),))
    values = max(8, 8 * 4 * 4)  # at the lowest frontier that is frozen while a stage trains
    assert measured(many).known.memory == (300 - 128) * (64 + values) * 4


def test_a_table_has_rows_for_what_was_known() -> None:
    phases = (PhaseCost("head", 2.0, 3.0, 1.0, 0.0, 3, 2_000_000, False),)
    known = KnownCost(before=1.5, after=2.0, weighed=8.0, kept=1.0, answered=0.5)
    lines = table(Cost(phases, 4.0, 10**9, known=known)).replace("\u00a0", " ").splitlines()
    assert lines[1] == "source: 3.5 s (measured before training 1.5 s, after it 2.0 s)"
    assert lines[2] == (
        "held on to: 9.5 s (importance of weights 8.0 s, samples read that are kept 1.0 s, "
        "the original network's answers for them 0.5 s)"
    )
    assert "in all about 23.0 s" in lines[-1]
    only = replace(known, weighed=0.0, kept=0.0, answered=0.01)
    assert "held on to" not in table(Cost(phases, 4.0, 10**9, known=only))
