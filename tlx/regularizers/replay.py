"""Samples of the source are learned along."""

from typing import Any

import torch
from lightning.pytorch import Callback
from torch import Tensor, nn
from torch.nn import functional

from tlx.checkpoint.space import CHECKPOINTS
from tlx.errors import CheckpointError, ConfigError, unknown_name
from tlx.functional.buffer import balanced, reservoir
from tlx.functional.class_groups import within_groups
from tlx.origin.origin import Origin
from tlx.origin.ranges import check_count, check_ratio, check_strength
from tlx.types import Step

__all__ = ["Replay"]

SELECTIONS = ("reservoir", "balanced")


class Replay(Callback):
    """Adds the cross-entropy of buffered source samples under the original head, a mean over them.

    Where several heads are kept, the softmax of a sample runs over the classes of its own one.

    The buffer holds what a reservoir holds at the end of the source (Vitter 1985; Chaudhry et al. 2019,
    arXiv 1902.10486), or as many samples of each class; every batch draws from it. A sum of two means,
    L_new + strength * L_buffer: neither set is weighted by its size. The samples are read once, seen
    without variation and in evaluation mode, so that the running statistics stay those of the target.

    Args:
        strength: Of the term, >= 0.
        samples: Size of the buffer, >= 1.
        selection: `reservoir` or `balanced`.
        ratio: Buffered samples for each sample of a batch, > 0 and <= 100.

    Raises:
        ConfigError: A value is out of its range.
    """

    name = "replay"
    reads_original = False
    replaces_weight_decay = False

    def __init__(
        self, strength: float = 1.0, samples: int = 200, selection: str = "reservoir", ratio: float = 1.0
    ) -> None:
        check_strength("regularizer.replay.strength", strength)
        check_count("regularizer.replay.samples", samples)
        if selection not in SELECTIONS:
            raise unknown_name("regularizer.replay.selection", selection, SELECTIONS)
        check_ratio("regularizer.replay.ratio", ratio)
        self.strength, self.samples, self.selection, self.ratio = strength, samples, selection, ratio

    def check(self, origin: Origin) -> None:
        origin.need_head("replay")
        if origin.source is None:
            raise ConfigError(
                "regularizer=replay learns samples of the source along, and there is no source",
                fix="data@source=folder source.root=FOLDER, or regularizer=lwf, which needs none",
            )

    def bytes_kept(self, origin: Origin) -> int:
        """The positions of the buffered samples, in each checkpoint."""
        return CHECKPOINTS * 8 * min(self.samples, len(origin.source_at_hand.splits.train))

    def begin(self, origin: Origin) -> None:
        train = origin.source_at_hand.splits.train
        if self.selection == "balanced":
            chosen = balanced(origin.labels(train), self.samples, origin.seed)
        else:
            chosen = reservoir(len(train), self.samples, origin.seed)
        self._origin, self._ids = origin, torch.from_numpy(chosen)
        self._buffer = origin.recall(chosen)

    def loss_term(self, module: nn.Module, step: Step) -> Tensor:
        """The loss on this step's draw, shape (); 0 while nothing below the heads trains."""
        if not self._origin.moves:
            return step.logits.new_zeros(())
        device = step.logits.device
        ids = self._origin.draw(self._buffer, self.ratio, step)
        logits = self._origin.answer(self._buffer.take(ids, device))
        targets = self._buffer.targets[ids].to(device)
        sizes = [len(group) for group in self._origin.groups]
        return self.strength * functional.cross_entropy(
            within_groups(logits.float(), targets, sizes), targets
        )

    def state_dict(self) -> dict[str, Any]:
        return {"origin": self._origin.digest, "buffer": self._ids}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._origin.check(state_dict["origin"])
        if not torch.equal(state_dict["buffer"], self._ids):
            raise CheckpointError(
                "the buffer of regularizer=replay holds other samples than when the run began",
                fix="the source and regularizer.replay as they were, or a new run",
            )
