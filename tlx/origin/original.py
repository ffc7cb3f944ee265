"""The network before a run, with the classes that it told apart."""

import copy
from collections.abc import Collection

import torch
from torch import Tensor, nn

from tlx.backbones.cut import Cut
from tlx.backbones.known_heads import KnownHeads
from tlx.backbones.staged import StagedBackbone
from tlx.types import FrontierValues, Inputs

__all__ = ["Original"]


class Original(nn.Module):
    """Maps inputs to logits of the original classes, (B, K of the source); frozen, in evaluation mode.

    Weights of stages that the run never trains are shared with it: the copy costs the bytes of the
    others alone.

    Args:
        backbone: The run's, before anything trains.
        trained: The stages that ever train in the run.
    """

    def __init__(self, backbone: StagedBackbone, trained: Collection[str]) -> None:
        super().__init__()
        still = [stage for stage in backbone.stages if stage not in trained]
        shared = {id(tensor): tensor for stage in still for tensor in backbone.stage_tensors(stage).values()}
        own = [tensor for tensor in backbone.state_dict(keep_vars=True).values() if id(tensor) not in shared]
        self.bytes: int = sum(tensor.nbytes for tensor in own)
        self.backbone = copy.deepcopy(backbone, shared)
        self.backbone.requires_grad_(False)
        self.cut: Cut | None = None
        self.eval()

    def train(self, mode: bool = True) -> "Original":
        return super().train(False)

    def forward(self, inputs: Inputs | FrontierValues) -> Tensor:
        """Logits, by the original head; from stored values only the stages above them run."""
        if not isinstance(inputs, FrontierValues):
            return self.backbone.original_logits(inputs)
        if self._reads_features(inputs.frontier):
            return self._known.of_features(inputs.values["features"])
        if self.cut is None or self.cut.frontier != inputs.frontier:
            raise RuntimeError(f"values of frontier {inputs.frontier} for an original that is not cut there")
        with self.cut.inserted(inputs.values) as given:
            return self.backbone.original_logits(given)

    def cut_as(self, other: Cut | None, example: Inputs) -> bool:
        """Read the values that another network's frozen stages give from now on.

        Args:
            other: The run's network in two halves; None: values are not read.
            example: Inputs of at least one sample.

        Returns:
            Whether it can: where those stages are not what they were, it reads inputs alone.
        """
        self.cut = None
        if other is None or other.frontier == 0:
            return True
        at_the_top = other.frontier == len(self.backbone.stages)
        if at_the_top and not self._reads_features(other.frontier):
            return True
        for stage in list(self.backbone.stages)[: other.frontier]:
            theirs = other.backbone.stage_tensors(stage)
            for name, own in self.backbone.stage_tensors(stage).items():
                if own is not theirs[name] and not torch.equal(own, theirs[name].to(own.device)):
                    return False
        self.cut = None if at_the_top else Cut(self.backbone, other.frontier, example)
        return True

    @property
    def _known(self) -> KnownHeads:
        known = self.backbone.original_head
        if not isinstance(known, KnownHeads):
            raise RuntimeError("features for an original head that reads what comes before them")
        return known

    def _reads_features(self, frontier: int) -> bool:
        top = len(self.backbone.stages)
        return frontier == top and isinstance(self.backbone.original_head, KnownHeads)
