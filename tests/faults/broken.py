"""A source of data for real ranks, one of which breaks in the middle of its second epoch."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.faults.jobs import MadeUp, MadeUpSplit
from tlx.types import Splits, Targets

READS = 60


class BrokenSplit(MadeUpSplit):
    """One that counts what this process reads."""

    how = "never"
    reads = 0

    @property
    def labels(self) -> Any:
        if self.how == "raises" and BrokenSplit.reads >= READS and os.environ.get("RANK") == "1":
            raise RuntimeError("no power")
        return super().labels

    def read(self, index: int) -> Any:
        BrokenSplit.reads += 1
        if os.environ.get("RANK") == "1" and BrokenSplit.reads == READS:
            Path(os.environ["BROKEN"]).touch()
            if self.how == "exits":
                os._exit(3)
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "hangs":
                time.sleep(600)
        return super().read(index).convert("L").resize((32, 32))


class Broken(MadeUp):
    """The made-up images, large enough for the built-in network.

    Args:
        how: What rank 1 does: `raises`, `exits`, is `killed`, `hangs` or nothing.
    """

    def __init__(self, how: str = "never") -> None:
        super().__init__()
        BrokenSplit.how = how

    def splits(self, targets: Targets = "class") -> Splits:
        found = super().splits(targets)
        train, val = (BrokenSplit(split.indices, split.offset) for split in (found.train, found.val))
        return found._replace(train=train, val=val, test=None)
