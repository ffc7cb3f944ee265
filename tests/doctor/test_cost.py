import time

import pytest
import torch
from torch import nn

from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tests.quiet import fit_quietly
from tlx.cache.settings import CacheSettings
from tlx.doctor.cost import Cost, PhaseCost, measured, table
from tlx.job import NOTHING_KEPT


class Clock:
    """Time passes where a batch goes through the first stage, a second each, and nowhere else."""

    def __init__(self):
        self.now = 0.0


class Taking(nn.Module):
    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def forward(self, x):
        self.clock.now += 1.0
        return x

    def __deepcopy__(self, memo):
        return Taking(self.clock)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made


def job_of(folder, clock, ram=0.1, disk=0.1, **more):
    cache = CacheSettings(ram, disk, str(folder))
    job = small_job(
        strategy=BY_EPOCHS, source=MadeUp(train=80, val=48, test=8), augment="none", cache=cache, **more
    )
    job.backbone.net.stem.append(Taking(clock))
    return job


def test_what_is_foretold_scales_with_batches_epochs_and_blocks(tmp_path, clock):
    found = measured(job_of(tmp_path, clock))
    head, lower, everything = found.phases
    few = 12  # batches of two or four samples, which the cut is learnt from and compared by
    assert 3 * 80 / 40 + 2 * 48 / 32 < head.fill <= 9 + few
    assert lower.fill <= few and everything.fill == 0
    assert (head.train, head.val) == (0, 0)
    assert (lower.train, lower.val) == (0, 0)
    assert (everything.train, everything.val) == (2 * 10, 2 * 3)
    assert found.seconds == sum(phase.seconds for phase in found.phases)


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
    assert fresh - measured(job_of(tmp_path / "features", clock)).phases[0].fill == 9


def test_measuring_changes_nothing_of_the_job_and_leaves_nothing(tmp_path, clock):
    job = job_of(tmp_path / "features", clock)
    before = {name: value.clone() for name, value in job.backbone.state_dict().items()}
    measured(job)
    assert all(torch.equal(before[name], value) for name, value in job.backbone.state_dict().items())
    assert len(job.data.splits.train) == 80
    assert not list(tmp_path.glob("features/*/meta.json"))


def test_a_table_names_every_phase_and_says_which_may_end_early():
    phases = (PhaseCost("head", 2.0, 3.0, 1.0, 2_000_000, False), PhaseCost("all", 0.0, 60.0, 4.0, 0, True))
    lines = table(Cost(phases, 10**9)).replace("\u00a0", " ").splitlines()
    assert lines[0] == "phase 1: 6.0 s (frozen part 2.0 s, training 3.0 s, validation 1.0 s), 2.0 MB kept"
    assert lines[1].startswith("phase 2: 1 min 4 s at most (")
    assert lines[2] == "in all about 1 min 10 s and 1.0 GB of memory, measured on a few batches of each phase"
