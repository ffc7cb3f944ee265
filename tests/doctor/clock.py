"""A clock that batches move, and a job that goes by it."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tlx.cache.settings import CacheSettings
from tlx.job import Job


class Clock:
    """Time passes where a batch goes through the first stage, a second each, and nowhere else."""

    def __init__(self) -> None:
        self.now = 0.0


class Taking(nn.Module):
    """What takes a second."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def forward(self, x: Tensor) -> Tensor:
        self.clock.now += 1.0
        return x

    def __deepcopy__(self, memo: object) -> "Taking":
        return Taking(self.clock)


def job_of(folder: Path, clock: Clock, ram: float = 0.1, disk: float = 0.1, **more: Any) -> Job:
    """10 batches of train, 3 of val, 1 of test; 5, 3 and 1 blocks of frozen parts."""
    settings: dict[str, Any] = {
        "strategy": BY_EPOCHS,
        "source": MadeUp(train=80, val=48, test=8),
        "augment": "none",
        "cache": CacheSettings(ram, disk, str(folder)),
    }
    job = small_job(**(settings | more))
    job.backbone.net.stem.append(Taking(clock))
    return job
