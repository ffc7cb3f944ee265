"""What several ranks must know of each other to save at the same step."""

from datetime import timedelta
from typing import Any

import torch
import torch.distributed
from torch import Tensor

__all__ = ["Agreement"]


class Agreement:
    """The greatest of what each rank says, known to all of them at the same step, one step later.

    Ranks talk on their processors, by gloo, while the next step computes: no step waits for a
    device, and hardly one for another rank. A process alone knows at once.

    Args:
        size: Ranks that train together, >= 1.
        timeout: Seconds after which a rank that does not answer is an error, > 0.
    """

    def __init__(self, size: int = 1, timeout: float = 1800.0) -> None:
        self.size, self.timeout = size, timeout
        self._group: Any = None
        self._open: tuple[Tensor, Any] | None = None

    def begin(self) -> None:
        """Meet the other ranks; every rank calls it."""
        if self.size > 1:
            self._group = torch.distributed.new_group(backend="gloo", timeout=timedelta(seconds=self.timeout))

    def end(self) -> None:
        """Part from the other ranks."""
        self.settle()
        if self._group is not None:
            torch.distributed.destroy_process_group(self._group)
            self._group = None

    def exchange(self, stop: int, save: int) -> tuple[int, int]:
        """Say something to every rank, and hear what they said in the exchange before.

        Args:
            stop: The signal that asked this rank to end, or 0.
            save: Whether this rank thinks it is time to save.

        Returns:
            The greatest of each; zeros where there was no exchange before.
        """
        if self.size == 1:
            return stop, save
        known = self.settle()
        said = torch.tensor([stop, save])
        greatest = torch.distributed.ReduceOp.MAX
        self._open = said, torch.distributed.all_reduce(said, greatest, group=self._group, async_op=True)
        return known

    def settle(self) -> tuple[int, int]:
        """Wait for the open exchange, and hear its result; zeros where none is open."""
        if self._open is None:
            return 0, 0
        (said, work), self._open = self._open, None
        work.wait()
        stop, save = said.tolist()
        return stop, save

    def gather(self, word: str) -> list[str]:
        """What each rank says, on every rank; waits for all."""
        if self.size == 1:
            return [word]
        words: list[Any] = [""] * self.size
        torch.distributed.all_gather_object(words, word, group=self._group)
        return words
