import numpy as np
import pytest

from tests.doctor.clock import job_of
from tests.faults.jobs import MadeUp
from tlx.assembly import build_network, frontier_cache, plan_of
from tlx.cache.forecast import Forecast
from tlx.cache.settings import CacheSettings
from tlx.doctor.short_job import foretold, held_more, shortened
from tlx.trainer import World


@pytest.fixture
def job(tmp_path, clock):
    made = job_of(tmp_path / "features", clock, source=MadeUp(train=80, val=48, test=40))
    made.data.preprocessing = made.backbone.preprocessing
    return made


def test_a_few_samples_come_from_all_over_each_split(job):
    short = shortened(job, plan_of(job))
    few, whole = short.data.splits, job.data.splits
    assert [len(split) for split in few[:3]] == [5 * 8, 2 * 16, 2 * 16]
    assert [len(split) for split in whole[:3]] == [80, 48, 40]
    assert (few.train.indices[0], few.train.indices[-1]) == (0, 79)
    assert set(np.unique(few.train.labels)) == set(np.unique(whole.train.labels))
    assert few.classes == whole.classes


def test_nothing_of_the_job_changes_with_the_short_one(job):
    short = shortened(job, plan_of(job))
    short.backbone.net.stem[0].weight.data.zero_()
    assert job.backbone.net.stem[0].weight.abs().sum() > 0
    assert (short.trainer.limit_epochs, job.trainer.limit_epochs) == (2, None)
    assert short.trainer.checkpoint_steps is None


def test_a_set_without_a_test_split_stays_one(job):
    job.data.__dict__["splits"] = job.data.splits._replace(test=None)
    assert shortened(job, plan_of(job)).data.splits.test is None


def test_one_of_several_processes_has_its_share_of_each_batch_and_no_values_of_its_own(tmp_path, clock):
    job = job_of(tmp_path / "features", clock, devices=2, num_nodes=2)
    short = shortened(job, plan_of(job))
    assert (short.data.batch_size, short.data.eval_batch_size, short.trainer.processes) == (2, 4, 1)
    assert (job.data.batch_size, job.data.eval_batch_size, job.trainer.processes) == (8, 16, 4)
    assert [len(split) for split in short.data.splits[:3]] == [10, 8, 8]
    short.cache = job.cache
    assert held_more(job, short, [Forecast(3, train=8000, val=4800)]) == 0


def told_of(job, folder):
    plan = plan_of(job)
    short = shortened(job, plan)
    network = build_network(short)
    return foretold(job, short, network, plan, folder), short, network


def test_the_short_job_keeps_what_the_run_has_room_for_where_the_run_keeps_it(job, tmp_path):
    told, short, network = told_of(job, tmp_path / "few")
    keeps = [short.cache.keeps("train", None, frontier) for frontier in (3, 2, 1)]
    assert (keeps, short.cache.keeps("train", 2, 3)) == ([True, False, True], False)
    assert short.cache.place == tmp_path / "few"
    assert [each.frontier for each in told] == [3, 1, 0]
    job.cache = CacheSettings(ram=0, disk=12_000 / 2**30, folder=str(tmp_path / "features"))
    told, short, _ = told_of(job, tmp_path / "few")
    assert [short.cache.keeps("val", None, frontier) for frontier in (3, 1)] == [True, False]
    job.cache = CacheSettings(ram=0.1, disk=0)
    _, short, _ = told_of(job, tmp_path / "few")
    assert (short.cache.budget, short.cache.memory > 2**40) == (0, True)
    assert frontier_cache(short, network, World()).settings is short.cache


def test_only_what_memory_holds_of_all_samples_and_not_of_the_few_is_added(job):
    short = shortened(job, plan_of(job))
    short.cache = CacheSettings(ram=1, disk=1)
    told = [Forecast(3, train=8000, val=4800, test=4000), Forecast(0)]
    job.cache = CacheSettings(ram=1, disk=1)
    assert held_more(job, short, told) == 16800 - (4000 + 3200 + 3200)
    job.cache = CacheSettings(ram=9000 / 2**30, disk=1)  # room for train, or for val and test
    assert held_more(job, short, told) == 0
    job.cache = CacheSettings(ram=13000 / 2**30, disk=1)
    assert held_more(job, short, told) == 12800 - 10400
