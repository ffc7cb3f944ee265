import functools

import pytest
import torch

from tests.doctor.clock import job_of
from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tests.quiet import fit_quietly
from tlx import training
from tlx.cache.forecast import Forecast
from tlx.doctor.cost import Cost, PhaseCost, _phase, measured, table
from tlx.doctor.passes import Opening
from tlx.doctor.stopwatch import Times
from tlx.job import NOTHING_KEPT
from tlx.plan import Phase
from tlx.regularizers.l2sp import L2SP
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.full import full


def test_what_is_foretold_scales_with_batches_epochs_and_blocks(tmp_path, clock):
    found = measured(job_of(tmp_path, clock))
    head, lower, everything = found.phases
    blocks, compared = 5 + 3, 2  # of 16 samples, of train and of val
    assert (head.fill, lower.fill, everything.fill) == (blocks + compared, compared, 0)
    assert (head.train, head.val) == (0, 0)
    assert (lower.train, lower.val) == (0, 0)
    assert (everything.train, everything.val) == (2 * 10, 2 * 3)
    assert found.seconds == sum(phase.seconds for phase in found.phases) + found.end


@pytest.mark.parametrize(
    ("ram", "disk", "passes"),
    [(0.1, 0.1, 2), (0.1, 0, 2), (0, 70_000 / 2**30, 3), (0, 46_000 / 2**30, 3), (0, 12_000 / 2**30, 2)],
    ids=["all", "memory", "val later", "train later", "features alone"],
)
def test_the_passes_that_are_foretold_are_those_the_run_makes(
    tmp_path, clock, monkeypatch, ram, disk, passes
):
    """To the second, also where there is no room for all frontiers at once."""
    took = []

    def served(cache, *more, **mixes):
        serve(cache, *more, **mixes)
        took.append(cache.seconds)

    serve = training.serve
    told = measured(job_of(tmp_path / "features", clock, ram, disk))
    monkeypatch.setattr(training, "serve", served)
    fit_quietly(job_of(tmp_path / "features", clock, ram, disk), tmp_path / "run")
    log = (tmp_path / "run" / "log.txt").read_text()
    assert (
        len([line for line in log.splitlines() if "computed once" in line and "test" not in line]) == passes
    )
    assert [phase.fill for phase in told.phases] == took


def test_all_of_a_run_is_foretold_to_the_second_where_batches_are_all_that_takes_time(
    tmp_path, clock, monkeypatch
):
    """From the first look for stored values to the end."""
    began, serve = list[float](), training.serve

    def noted(*arguments, **more):
        began.append(clock.now)
        serve(*arguments, **more)

    monkeypatch.setattr(training, "serve", noted)
    for number, more in enumerate(
        (
            {"strategy": functools.partial(feature_extraction, epochs=3)},
            {"strategy": functools.partial(full, epochs=3), "augment": "auto"},
            {"strategy": BY_EPOCHS, "augment": "auto"},
        )
    ):
        told = measured(job_of(tmp_path / f"features{number}", clock, **more))
        began.clear()
        fit_quietly(job_of(tmp_path / f"features{number}", clock, **more), tmp_path / str(number))
        assert told.seconds == clock.now - began[0], more


def test_a_plan_that_goes_by_the_counts_of_samples_goes_by_all_of_them(tmp_path, clock):
    def by_counts(stages, counts):
        chosen = full if sum(counts) > 60 else feature_extraction
        return chosen(stages, epochs=1)

    [phase] = measured(job_of(tmp_path, clock, strategy=by_counts)).phases
    assert (phase.frontier, phase.train) == (0, 10)


def test_checkpoints_within_an_epoch_are_foretold():
    settings = {"checkpoint_seconds": 25.0, "accumulate_grad_batches": 2}
    times = Times([1.0] * 6, [2.0] * 2, [20.0, 17.0], [3.0, 4.0], before=5.0, around=1.0, batches=(5, 2))
    phase, kept = Phase("all", {"head": 1e-2}, 4), Forecast(0)

    def foretold(**more):
        job = small_job(source=MadeUp(train=800, val=160), augment="none", **settings, **more)
        return _phase(job, phase, times, Opening(7.0, 2.0), kept)

    found = foretold(checkpoint_steps=None)  # 100 batches of a second: four times, and at the epoch's end
    assert (found.fill, found.around) == (7, 5 - 2 + 1)
    assert (found.train, found.val) == (4 * (100 + 4 * 3 + 17 - 5 - 2 * 2), 4 * 10 * 2)
    assert foretold(checkpoint_steps=5).train - found.train == 4 * 5 * 3  # 9 of 50 steps, the last is not
    assert foretold(checkpoint_steps=50).train == found.train


def test_without_a_cache_every_epoch_is_foretold(tmp_path, clock):
    job = job_of(tmp_path, clock)
    job.cache = NOTHING_KEPT
    head, lower, everything = measured(job).phases
    assert (head.fill, head.train, head.val) == (0, 10, 3)
    assert (lower.fill, lower.train, everything.train) == (0, 20, 20)


def test_what_has_no_room_is_foretold_in_every_epoch(tmp_path, clock):
    """There is room for the features of all, and for none of the lower frontiers."""
    head, lower, everything = measured(job_of(tmp_path, clock, ram=0, disk=12_000 / 2**30)).phases
    assert (head.train, head.val, head.cache) == (0, 0, (80 + 48 + 8) * 8 * 4)
    assert (lower.fill, lower.train, lower.val, lower.cache) == (0, 20, 6, 0)
    assert (everything.train, everything.val) == (20, 6)
    nothing = measured(job_of(tmp_path, clock, ram=1e-9, disk=1e-9)).phases
    assert [phase.train for phase in nothing] == [10, 20, 20]


def test_the_bytes_are_those_the_run_keeps(tmp_path, clock):
    found = measured(job_of(tmp_path / "features", clock))
    fit_quietly(job_of(tmp_path / "features", clock), tmp_path / "run")
    assert [phase.cache for phase in found.phases] == [(80 + 48 + 8) * 8 * 4, (80 + 48) * 8 * 16 * 4, 0]


def test_what_is_kept_already_is_not_computed(tmp_path, clock):
    fresh = measured(job_of(tmp_path / "features", clock)).phases[0].fill
    fit_quietly(job_of(tmp_path / "features", clock), tmp_path / "run")
    kept = measured(job_of(tmp_path / "features", clock)).phases[0].fill
    assert (fresh, kept) == (5 + 3 + 2, 2)


def test_of_several_processes_one_is_measured(tmp_path, clock):
    """Each has its share of every batch, and of the blocks of a pass: 3 of 5, 2 of 3, of the whole size."""
    found = measured(job_of(tmp_path / "features", clock, devices=2))
    head, lower, everything = found.phases
    assert (head.fill, lower.fill) == (2 * (3 + 2) + 2, 2)
    assert (everything.train, everything.val) == (2 * 10, 2 * 3)
    assert table(found).endswith("by one of 2 processes, without their waits for each other")


def test_measuring_changes_nothing_of_the_job_and_leaves_nothing(tmp_path, clock):
    job = job_of(tmp_path / "features", clock)
    before = {name: value.clone() for name, value in job.backbone.state_dict().items()}
    measured(job)
    assert all(torch.equal(before[name], value) for name, value in job.backbone.state_dict().items())
    assert len(job.data.splits.train) == 80
    assert list((tmp_path / "features").iterdir()) == []


def test_arithmetic_that_the_run_will_not_use_is_not_foretold(tmp_path, clock, monkeypatch):
    monkeypatch.setattr("tlx.arithmetic.GREATEST_DIFFERENCE", -1.0)
    settings = {"regularizers": (functools.partial(L2SP, strength=0.1),)}  # weights that are worth comparing
    job = job_of(tmp_path / "half", clock, precision="bf16-mixed", **settings)
    found, plain = measured(job), measured(job_of(tmp_path / "plain", clock, **settings))
    assert [phase.cache for phase in found.phases] == [phase.cache for phase in plain.phases]
    assert "bf16-mixed" in found.said[0] and "is not used" in found.said[0]
    assert table(found).startswith(found.said[0])
    assert plain.said == ()
    assert job.trainer.precision == "bf16-mixed"


def test_a_table_names_every_phase_and_says_which_may_end_early():
    phases = (
        PhaseCost("head", 2.0, 3.0, 1.0, 0.0, 3, 2_000_000, False),
        PhaseCost("all", 0.0, 60.0, 4.0, 0.5, 0, 0, True),
    )
    lines = table(Cost(phases, 4.0, 10**9)).replace("\u00a0", " ").splitlines()
    assert lines[0] == "phase 1: 6.0 s (frozen part 2.0 s, training 3.0 s, validation 1.0 s), 2.0 MB kept"
    assert lines[1].startswith("phase 2: 1 min 4 s at most (")
    assert lines[2] == "end: 4.0 s (the best weights are measured and written)"
    assert lines[3] == "in all about 1 min 14 s and 1.0 GB of memory, measured on a few batches of each phase"
