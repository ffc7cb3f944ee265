"""Several frontiers of one backbone in a single pass."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tlx.backbones.cut import Cut
from tlx.types import Inputs

__all__ = ["values_of"]


def values_of(cuts: Sequence[Cut], inputs: Inputs) -> list[dict[str, Tensor]]:
    """What `Cut.values` gives for each of several cuts, computed together.

    The network runs once, as far as the highest frontier: what lies above it is neither computed
    nor changed.

    Args:
        cuts: Of one backbone, in any order, each with a frontier > 0.
        inputs: As the backbone reads them.

    Returns:
        The values of each cut, in the order of `cuts`.
    """
    inner = [cut for cut in cuts if cut.frontier < len(cut.backbone.stages)]
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
