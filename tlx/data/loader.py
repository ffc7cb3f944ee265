"""Batches from loading processes, and how their failures come out: in one line that names the sample."""

import atexit
import contextlib
import multiprocessing
import re
import signal
import time
from collections.abc import Iterable, Iterator
from multiprocessing.context import ForkContext, ForkProcess
from typing import Any, NamedTuple

from torch import Generator
from torch.utils.data import DataLoader

from tlx.data.order import Pairs
from tlx.data.reading import Reading
from tlx.data.samples import Samples
from tlx.data.stored import StoredSamples
from tlx.errors import DistributedError, TlxError
from tlx.process.signals import ends_by_the_parent
from tlx.types import Batch

__all__ = ["Loader", "failure_of_a_worker"]

LOOKS = 5.0
"""Seconds between looks at whether the loading processes live."""


class LoadingProcess(ForkProcess):
    """A process that has nothing to write down and ignores what asks it to end."""

    def terminate(self) -> None:
        self.kill()


class _Context(ForkContext):
    Process = LoadingProcess


class _Worker(NamedTuple):
    number: int
    samples: Samples


_workers: dict[int, _Worker] = {}
"""The loading processes of every open iterator, by pid."""


class Loader(DataLoader[Any]):
    """A DataLoader that raises what its workers found, in one line.

    Args:
        samples: Reads batches.
        batches: What each batch holds.
        workers: Processes that load, >= 0; 0: this one loads.
        timeout: Seconds after which a batch that does not come is an error, > 0.
        pin_memory: Whether batches are put where a GPU fetches them fast.

    Raises:
        DataError: A sample cannot be read.
        ResourceError: Memory that processes share ran out.
        DistributedError: A worker died, or gave nothing for `timeout` seconds.
    """

    def __init__(
        self,
        samples: Samples | StoredSamples,
        batches: Iterable[Pairs],
        workers: int = 0,
        timeout: float = 1800.0,
        pin_memory: bool = False,
    ) -> None:
        if isinstance(samples, Samples):
            samples.reading = Reading(workers)
        self.patience = timeout
        super().__init__(
            samples,
            batch_sampler=batches,
            collate_fn=_as_it_is,
            num_workers=workers,
            multiprocessing_context=_Context() if workers else None,
            worker_init_fn=_begin_worker,
            timeout=min(LOOKS, timeout) if workers else 0,
            pin_memory=pin_memory,
            generator=Generator(),  # else making an iterator draws from the global state
        )

    def __iter__(self) -> Any:
        batches = super().__iter__()
        pids = {worker.pid: n for n, worker in enumerate(getattr(batches, "_workers", ()))}
        return self._raising(batches, pids)

    def _raising(self, batches: Iterator[Batch | TlxError], pids: dict[int, int]) -> Iterator[Batch]:
        if isinstance(self.dataset, Samples):
            _workers.update({pid: _Worker(number, self.dataset) for pid, number in pids.items()})
        while True:
            try:
                batch = self._next(batches, pids)
            except StopIteration:
                break
            except RuntimeError as error:
                known = failure_of_a_worker(error)
                if known is None:
                    raise
                raise known from error
            if isinstance(batch, TlxError):
                _let_go(batches)
                raise batch
            yield batch
        for pid in pids:
            _workers.pop(pid, None)

    def _next(self, batches: Iterator[Batch | TlxError], pids: dict[int, int]) -> Batch | TlxError:
        end = time.monotonic() + self.patience
        while True:
            try:
                return next(batches)
            except RuntimeError as error:
                if "DataLoader timed out" not in str(error):
                    raise
                if time.monotonic() >= end:
                    raise DistributedError(
                        f"no process that loads data gave a batch for {self.patience:g} s{_read(list(pids))}",
                        fix="look at that sample, or a larger data.worker_timeout",
                    ) from error


def failure_of_a_worker(error: Exception) -> DistributedError | None:
    """The error of a loading process that died, wherever torch raised it; None for another error."""
    text = " ".join(str(error).split())
    if "DataLoader worker" not in text:
        return None
    named = re.search(r"\(pid(?:\(s\))? ([\d, ]+)\)", text)
    dead = [int(pid) for pid in named[1].split(",")] if named else []
    return DistributedError(
        f"a process that loads data died{_read(dead)}: {text[:120]}",
        fix="data.num_workers=0 to see why; more memory or a larger /dev/shm",
    )


def _read(pids: list[int]) -> str:
    """What processes read, in words."""
    known = [_workers[pid] for pid in pids if pid in _workers]
    names = [name for worker in known if (name := worker.samples.name_read_by(worker.number))]
    return f" while it read {' or '.join(names)}" if names else ""


def _let_go(batches: Iterator[Any]) -> None:
    """End the processes of an iterator while it is whole.

    The error that is about to be raised holds on to it. When that is collected as garbage, torch
    would tell the processes to end through queues that may be gone, and wait 5 s for each of them.
    """
    end = getattr(batches, "_shutdown_workers", None)  # where there are processes
    if end is not None:
        with contextlib.suppress(RuntimeError):  # one of them died just now
            end()


def _begin_worker(number: int) -> None:
    """The main process decides what a signal means; it saves first, and needs its batches until then."""
    ends_by_the_parent()


def _end_workers() -> None:
    """At exit Python waits for those that it has asked to end, and these do not hear it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch raises where a loading process dies
    for process in multiprocessing.active_children():
        if isinstance(process, LoadingProcess):
            process.kill()


atexit.register(_end_workers)


def _as_it_is(batch: object) -> object:
    return batch
