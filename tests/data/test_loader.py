import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tlx.data.loader import Loader, failure_of_a_worker
from tlx.data.samples import Samples
from tlx.errors import DataError, DistributedError, ResourceError


class Numbers:
    """Sample i is the number i; some indices misbehave."""

    def __init__(self, behaviour=None):
        self.labels = np.arange(8, dtype=np.int64) * 2
        self.behaviour = behaviour or {}

    def __len__(self):
        return 8

    def read(self, index):
        if index in self.behaviour:
            self.behaviour[index]()
        return index

    def name(self, index):
        return f"number {index}"


class Numeric:
    def prepare(self, sample):
        return torch.full((2000,), float(sample))

    def collate(self, prepared):
        return torch.stack(list(prepared))


def loader(behaviour=None, workers=1, timeout=60.0):
    samples = Samples(Numbers(behaviour), Numeric(), augment=False, flip=False, seed=0)
    return Loader(samples, [[(0, 0), (0, 1)], [(0, 2), (0, 3)]], workers, timeout)


def fail():
    raise OSError("broken\npipe")


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_order_again_and_again(workers):
    batches = loader(workers=workers)
    for _ in range(2):
        assert [batch.ids.tolist() for batch in batches] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_cannot_be_read_is_named_in_one_line(workers):
    others = {process.pid for process in multiprocessing.active_children()}
    batches = iter(loader({3: fail}, workers))
    assert next(batches).ids.tolist() == [0, 1]
    with pytest.raises(DataError) as caught:
        next(batches)
    assert caught.value.line() == (
        "tlx: error[data]: cannot read number 3: OSError: broken pipe. Try: repair or remove it"
    )
    assert {process.pid for process in multiprocessing.active_children()} <= others


def test_a_worker_that_is_killed_is_one_line_that_names_the_sample():
    with pytest.raises(
        DistributedError, match=r"a process that loads data died while it read number 1: .*num_workers=0"
    ):
        list(loader({1: kill}))


def test_the_death_of_a_worker_is_known_wherever_torch_raises_it():
    known = failure_of_a_worker(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "))
    assert "a process that loads data died: DataLoader worker (pid 7)" in str(known)
    assert failure_of_a_worker(RuntimeError("another")) is None


def test_a_worker_that_hangs_is_ended_and_the_sample_named():
    began, others = time.monotonic(), {process.pid for process in multiprocessing.active_children()}
    with pytest.raises(
        DistributedError, match=r"gave a batch for 2 s while it read number 2\. .*data\.worker_timeout"
    ):
        list(loader({2: lambda: time.sleep(600)}, timeout=2.0))
    assert time.monotonic() - began < 60
    left = [child for child in multiprocessing.active_children() if child.pid not in others]
    assert not [child for child in left if child.is_alive()]


def test_a_worker_leaves_every_signal_to_its_parent():
    def hear():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)

    assert [batch.ids.tolist() for batch in loader({0: hear})] == [[0, 1], [2, 3]]


def test_memory_that_cannot_be_shared_is_one_line():
    def forbid():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    with pytest.raises(ResourceError, match=r"cannot share a batch: .*larger /dev/shm"):
        list(loader({0: forbid}))


def test_a_worker_without_memory_says_so():
    def exhaust():
        raise MemoryError("large")

    with pytest.raises(ResourceError, match=r"memory ran out while loading: large\. Try: fewer"):
        list(loader({0: exhaust}))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_workers_end_with_the_process_that_started_them():
    reader, writer = os.pipe()
    others = {process.pid for process in multiprocessing.active_children()}
    child = os.fork()
    if child == 0:
        batches = iter(loader({2: lambda: time.sleep(600)}))
        started = {process.pid for process in multiprocessing.active_children()} - others
        next(batches)
        os.write(writer, " ".join(map(str, started)).encode())
        kill()
    os.waitpid(child, 0)
    pids, end = os.read(reader, 100).decode().split(), time.monotonic() + 30
    assert pids
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(_lives(pid) for pid in pids)


def _lives(pid):
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "zombie" not in status.read_text()
