"""Which sample a loading process reads, so that one that dies or hangs does not take the name with it."""

import mmap

import numpy as np
from torch.utils.data import get_worker_info

__all__ = ["Reading"]

NOTHING = -1


class Reading:
    """A note of each loading process, seen by the process that starts them as forks of itself.

    Args:
        workers: How many there are, >= 0.
    """

    def __init__(self, workers: int) -> None:
        self._places = np.frombuffer(mmap.mmap(-1, 8 * max(workers, 1)), np.int64)
        self._places[:] = NOTHING

    def note(self, index: int = NOTHING) -> None:
        """Say what this process reads; by default nothing. A process that loads for itself needs not."""
        worker = get_worker_info()
        if worker is not None:
            self._places[worker.id] = index

    def by(self, worker: int) -> int | None:
        """The index of the sample that a process reads, or was reading when it died."""
        index = int(self._places[worker])
        return None if index == NOTHING else index
