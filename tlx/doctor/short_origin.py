"""What a run spends on what was known: its passes over a few samples, told at their full length."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tlx.backbones.cut import Cut
from tlx.cache.settings import CacheSettings
from tlx.cache.shared import SharedFiles
from tlx.data.datamodule import TransferData
from tlx.doctor.passes import at_full_length
from tlx.doctor.stopwatch import Stopwatch
from tlx.origin.origin import Origin
from tlx.origin.recall import BLOCK, Recall
from tlx.trainer import World
from tlx.types import Batch, Split

__all__ = ["KnownCost", "ShortOrigin"]

BATCHES = 3
"""Of a pass that are measured; more where processes load ahead."""
KEPT = 2 * BLOCK
"""Samples that are kept of those that the run keeps."""


@dataclass
class KnownCost:
    """What a run of its full length spends on what was known, in seconds.

    Args:
        before: To measure the original network on the source.
        after: To measure the network that was trained on the same samples.
        weighed: To pass over samples before training, as for the Fisher information, or to copy what
            another run made of them.
        kept: To read the samples of the source that stay in memory.
        answered: To compute their frozen part in each phase, and what the original network says of them.
        memory: Bytes of those samples beyond the few that were measured.
    """

    before: float = 0.0
    after: float = 0.0
    weighed: float = 0.0
    kept: float = 0.0
    answered: float = 0.0
    memory: int = 0

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.before + self.after + self.held

    @property
    def held(self) -> float:
        """What regularizers take of it, beside their part in each step."""
        return self.weighed + self.kept + self.answered


class _FewKept(Recall):
    """A few samples that stand for all that were asked for."""

    origin: "ShortOrigin"
    asked: int

    @property
    def bytes_more(self) -> int:
        """What all of them would hold beyond what these hold."""
        return self.bytes * self.asked // len(self) - self.bytes

    def answered(self, network: nn.Module, device: torch.device) -> Tensor:
        with self.origin.spending("answered", self._of_all):
            return super().answered(network, device)

    def settle(self, cut: Cut | None, device: torch.device) -> None:
        with self.origin.spending("answered", self._of_all):
            super().settle(cut, device)

    def _of_all(self, seconds: float) -> float:
        return seconds * ceil(self.asked / BLOCK) / ceil(len(self) / BLOCK)


class ShortOrigin(Origin):
    """An origin whose passes end after a few batches, and which keeps a few samples of those asked for.

    What regularizers ask for by other ways than `Origin`, they are given at its full length.

    Args:
        cost: What the whole run spends is added up here.
        stopwatch: Counts none of it.
        data: What the run learns, all of it, in batches of one process.
        cache: Of the run; what lies there is read, and nothing is added.
        processes: How many share a pass.
        *arguments: Of `Origin`.
    """

    recalls = _FewKept

    def __init__(
        self,
        cost: KnownCost,
        stopwatch: Stopwatch,
        data: TransferData,
        cache: CacheSettings,
        processes: int,
        *arguments: Any,
    ) -> None:
        super().__init__(*arguments)
        self.cost, self._stopwatch, self._processes = cost, stopwatch, processes
        self.data = data
        self._inner, self._depth, self._is_measured = 0.0, 0, False
        if self.shared is not None:
            self.shared = _Found(cache, self.shared, self)

    @contextlib.contextmanager
    def spending(self, on: str, whole: Callable[[float], float] = float) -> Iterator[None]:
        """Time what is done inside, but for what is timed within it.

        Args:
            on: A field of `KnownCost`.
            whole: The seconds that the run takes, from those that were taken.
        """
        began, outer, self._inner = time.monotonic(), self._inner, 0.0
        self._depth += 1
        try:
            yield
        finally:
            took = self.moment() - began
            setattr(self.cost, on, getattr(self.cost, on) + whole(took - self._inner))
            self._inner, self._depth = outer + took, self._depth - 1
            if not self._depth:
                self._stopwatch.leave_out(took)

    def moment(self) -> float:
        """Now, when what a GPU was given is done."""
        if self._first_device.type == "cuda":
            torch.cuda.synchronize(self._first_device)
        return time.monotonic()

    def read(self, data: TransferData, split: Split, ids: NDArray[np.int64]) -> Iterator[Batch]:
        """Batches of a few of the samples, from all over them."""
        if not len(ids):
            return
        ready = 2 * data.num_workers
        blocks, moments = ceil(len(ids) / (data.eval_batch_size * self._processes)), [time.monotonic()]
        with self.spending(self._reason(data, split), lambda _: at_full_length(moments, blocks, 1.0, ready)):
            for batch in super().read(data, split, _few(ids, (BATCHES + 3 * ready) * data.eval_batch_size)):
                yield batch
                moments.append(self.moment())
            moments.append(self.moment())

    def recall(self, ids: NDArray[np.int64]) -> Recall:
        """A few of the samples, from all over them; how many, the length of what is made says."""
        few = _few(ids, KEPT)
        with self.spending("kept", lambda took: took * len(ids) / len(few)):
            made = super().recall(few)
        if isinstance(made, _FewKept):
            made.origin, made.asked = self, len(ids)
        return made

    def settle(self) -> bool:
        with self.spending("answered"):
            agrees = super().settle()
        more = [kept.bytes_more for kept in self._recalls if isinstance(kept, _FewKept)]
        self.cost.memory = max(self.cost.memory, sum(more))
        return agrees

    def _reason(self, data: TransferData, split: Split) -> str:
        if split is data.splits.train:
            return "weighed"
        again, self._is_measured = self._is_measured, True
        return "after" if again else "before"


class _Found(SharedFiles):
    """What other runs have left, to which nothing is added."""

    def __init__(self, cache: CacheSettings, of: SharedFiles, origin: ShortOrigin) -> None:
        super().__init__(cache, of.device, of.bits)
        self._origin = origin

    @property
    def is_on(self) -> bool:
        return True

    def obtain(
        self, path: Path, name: str, what: Mapping[str, Any], make: Callable[[Path], None], world: World
    ) -> None:
        with self._origin.spending("weighed"):
            if not self._copied(path, name, what):
                make(path)


def _few(ids: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """So many of some samples at most, from all over them."""
    chosen = np.unique(np.linspace(0, len(ids) - 1, min(count, len(ids))).astype(np.int64))
    found: NDArray[np.int64] = ids[chosen]
    return found
