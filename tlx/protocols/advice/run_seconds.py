"""What the runs of a tournament cost: reckoned before, measured once, and kept beside them."""

import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from tlx.plan import HEAD, Plan
from tlx.protocols.comparison.arms import Arm, Finished, train_arm
from tlx.protocols.given import Given
from tlx.run.directory import read_json, write_text

__all__ = ["RunSeconds", "Sizes"]

BEGINNING = 2.0
"""Seconds to build a run, save it and measure it, before any is known."""
BACKWARD = 3.0
"""Times a pass forward that a training step costs where stages train."""
KEPT = 0.02
"""Times a pass forward that an epoch costs where only the head trains, on what the frozen part gave once."""


class Sizes(NamedTuple):
    """What a run of the tournament reads.

    Args:
        train: Samples.
        val: Samples.
        test: Samples, which are measured once at its end.
        seconds: For one sample forward through the whole network.
    """

    train: int
    val: int
    test: int
    seconds: float


class RunSeconds:
    """Seconds of runs, in a file, so that what is decided by them is decided alike after a kill.

    Args:
        path: The file.
        sizes: What a run reads; its seconds count where the file says none, which were measured before.
    """

    def __init__(self, path: Path, sizes: Sizes) -> None:
        self.path = path
        self._kept: dict[str, Any] = read_json(path) if path.is_file() else {"epochs": None, "runs": {}}
        self._kept.setdefault("forward", sizes.seconds)
        self.sizes = sizes._replace(seconds=float(self._kept["forward"]))

    @property
    def epochs(self) -> int | None:
        """The length of the first round, where it was settled."""
        found = self._kept["epochs"]
        return None if found is None else int(found)

    def settle(self, epochs: int) -> int:
        """Keep the length of the first round."""
        self._kept["epochs"] = epochs
        self._write()
        return epochs

    def of(self, run: Finished) -> float:
        """Seconds of a run."""
        return float(self._kept["runs"][_key(run)])

    def reckoned(self, plan: Plan) -> float:
        """Seconds of a plan, of which nothing is known but its phases and a pass forward."""
        train, val, test, forward = self.sizes
        seconds = BEGINNING + (train + val + test) * forward
        for phase in plan.phases:
            frozen = set(phase.trains) == {HEAD}
            step, check = (KEPT, KEPT) if frozen else (BACKWARD, 1.0)
            seconds += phase.epochs * forward * (train * step + val * check)
        return seconds

    def train(self, given: Given, arm: Arm, rate: float, seed: int, name: str) -> Finished:
        """Train a run as `train_arm` does, and measure it where that is new."""
        began = time.perf_counter()
        run = train_arm(given, arm, rate, seed, name)
        if _key(run) not in self._kept["runs"]:
            # a run that was killed and went on took longer than now
            seconds = max(time.perf_counter() - began, float(run.summary["train/seconds"]))
            self._kept["runs"][_key(run)] = seconds
            self._write()
        return run

    def _write(self) -> None:
        write_text(self.path, json.dumps(self._kept, indent=1) + "\n")


def _key(run: Finished) -> str:
    return f"{run.folder.parent.name}/{run.folder.name}"
