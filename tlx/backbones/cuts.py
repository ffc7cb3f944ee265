"""Several frontiers of one backbone in a single pass."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from tlx.backbones.cut import Cut
from tlx.backbones.staged import StagedBackbone
from tlx.types import Inputs

__all__ = ["FrozenValues", "values_of"]


class FrozenValues(Protocol):
    """What a frozen backbone gives of a batch, as far as it is to be kept."""

    backbone: StagedBackbone
    frontier: int  # how many stages are run for it

    @property
    def reach(self) -> str:
        """What it reaches to, for people."""
        ...

    @property
    def per_token(self) -> frozenset[str]:
        """Names of the values whose second dimension is that of the tokens."""
        ...

    def values(self, inputs: Inputs) -> dict[str, Tensor]:
        """Tensors of B in their first dimension, without a gradient."""
        ...


def values_of(cuts: Sequence[FrozenValues], inputs: Inputs) -> list[dict[str, Tensor]]:
    """What `values` gives for each of several cuts, computed together; or for one thing of another kind.

    The network runs once, as far as the highest frontier: what lies above it is neither computed
    nor changed.

    Args:
        cuts: Of one backbone, in any order, each with a frontier > 0.
        inputs: As the backbone reads them.

    Returns:
        The values of each cut, in the order of `cuts`.
    """
    if len(cuts) == 1:
        return [cuts[0].values(inputs)]
    inner = [cut for cut in cuts if isinstance(cut, Cut) and cut.frontier < len(cut.backbone.stages)]
    with torch.inference_mode(False), torch.no_grad():
        if not inner:
            features = cuts[0].backbone(inputs)
            return [{"features": features} for _ in cuts]
        deepest = max(inner, key=lambda cut: cut.frontier)
        wanted = {cut.last_call for cut in inner}
        if len(inner) == len(cuts):
            found, features = deepest.reached(inputs, wanted), None
        else:
            found, features = deepest.passed(inputs, wanted)
        return [
            cut.rows(inputs, found[cut.last_call]) if cut in inner else {"features": features} for cut in cuts
        ]
