import functools

import pytest

from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tests.quiet import fit_quietly
from tlx.checkpoint.durable import DurableCheckpointIO
from tlx.doctor.stopwatch import Stopwatch, Times
from tlx.strategies.full import full


def test_the_middle_batch_counts_and_the_first_does_not():
    times = Times(train=[9.0, 1.0, 3.0, 2.0], val=[5.0, 0.5], epochs=[14.0, 10.0], batches=(4, 1))
    assert (times.train_batch, times.val_batch) == (2.0, 0.5)
    assert times.rest == pytest.approx(10 - 4 * 2 - 0.5)


def test_a_batch_has_its_share_of_a_step_that_comes_after_several():
    """The optimizer steps at every third batch, and takes 6 seconds."""
    laps = [9.0, 1.0, 7.0, 1.0, 1.0, 7.0, 1.0]
    assert Times(train=laps, accumulated=3).train_batch == 3.0
    assert Times(train=laps).train_batch == 1.0
    assert Times(train=laps[:2], accumulated=3).train_batch == 1.0
    assert Times(train=laps[:1], accumulated=3).train_batch == 9.0


def test_batches_that_were_loaded_ahead_tell_nothing_of_those_to_come():
    """Two processes, four batches ahead: then every other one comes late, with the one behind it."""
    epoch = [0.1, 0.1, 0.1, 0.1, 0.7, 0.1, 0.7, 0.1]
    times = Times(train=epoch * 2, val=[0.0] * 4 + [0.5, 0.3], epochs=[5.0, 5.0], batches=(8, 6), ready=4)
    assert times.train_batch == pytest.approx(0.4)
    assert times.val_batch == pytest.approx(0.4)
    few = Times(train=[0.1, 0.3], val=[0.2], epochs=[2.0], batches=(2, 1), ready=4)
    assert few.train_batch == pytest.approx(0.2)
    assert few.val_batch == pytest.approx(0.2)
    assert few.rest == pytest.approx(2.0 - 0.4 - 0.2)


def test_an_epoch_never_takes_less_than_nothing_beside_its_batches():
    assert Times(train=[3.0], val=[], epochs=[1.0], batches=(1, 0)).rest == 0


def test_every_batch_and_epoch_of_every_phase_is_seen(tmp_path):
    stopwatch = Stopwatch()
    job = small_job(strategy=BY_EPOCHS, source=MadeUp(train=24, val=20, test=4))
    job.logger = lambda folder: stopwatch
    fit_quietly(job, tmp_path)
    assert [len(phase.epochs) for phase in stopwatch.phases] == [1, 2, 2]
    for phase in stopwatch.phases:
        assert len(phase.train) == 3 * len(phase.epochs)
        assert len(phase.val) == 2 * len(phase.epochs)
        assert phase.batches == (3, 2)
        assert sum(phase.train) + sum(phase.val) < sum(phase.epochs)
        assert phase.around > 0
        assert all(0 < save < epoch for save, epoch in zip(phase.saves, phase.epochs, strict=True))
    assert [phase.before > 0 for phase in stopwatch.phases] == [False, True, True]
    assert stopwatch.end > 0


def test_the_checkpoint_at_the_end_of_an_epoch_is_of_that_epoch(tmp_path, clock, monkeypatch):
    """Lightning writes it after every callback had its turn."""
    save = DurableCheckpointIO.save_checkpoint

    def slowly(*arguments, **more):
        clock.now += 7.0
        save(*arguments, **more)

    monkeypatch.setattr(DurableCheckpointIO, "save_checkpoint", slowly)
    stopwatch = Stopwatch()
    job = small_job(strategy=functools.partial(full, epochs=2), checkpoint_steps=None)
    job.logger = lambda folder: stopwatch
    fit_quietly(job, tmp_path)
    [phase] = stopwatch.phases
    assert (phase.epochs, phase.saves, phase.save, phase.rest) == ([7.0, 7.0], [7.0, 7.0], 7.0, 7.0)
