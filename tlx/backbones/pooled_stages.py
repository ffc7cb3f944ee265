"""What every stage of a backbone gives, averaged over its positions, from one pass."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from tlx.backbones.named import first_and_last, named
from tlx.backbones.staged import StagedBackbone
from tlx.errors import ConfigError
from tlx.types import Inputs

__all__ = ["ORIGINAL", "PooledStages"]

ORIGINAL = "original classes"
"""The name of what the original head makes of the same pass; no stage bears it."""


class PooledStages:
    """A vector for each stage: the mean over its positions; of the last stage what the head reads.

    A map (B, C, H, W), or (B, H, W, C) where the first two sizes are the equal ones, becomes (B, C).
    Tokens (B, T, D) become (B, D): the mean over those that are no padding, the class token counted
    like any other. What a stage gives is the first tensor of the last call of one of its modules.

    Args:
        backbone: As it is; nothing of it stays changed.
        example: Inputs of at least one sample, to find the stages that give something.

    Raises:
        ConfigError: No stage gives one row for each sample.
    """

    per_token: frozenset[str] = frozenset()
    reach = "every stage, pooled"

    def __init__(self, backbone: StagedBackbone, example: Inputs) -> None:
        self.backbone = backbone
        self.frontier = len(backbone.stages)
        self._depths = {
            id(module): depth
            for depth, stage in enumerate(backbone.stages)
            for top in backbone.stage_modules(stage)
            for module in top.modules()
        }
        names = list(backbone.stages)
        given = self._pooled(first_and_last(example))
        self.stages = tuple(name for name in names if name in given)
        self.columns = tuple(given)
        if not self.stages:
            raise ConfigError("no stage of the backbone gives one row for each sample")

    def values(self, inputs: Inputs) -> dict[str, Tensor]:
        """Float32 rows of each of `stages`, by its name: shape (B, C of the stage).

        With an original head its logits as well, under `ORIGINAL`: shape (B, K of the source).

        Args:
            inputs: As the backbone reads them.
        """
        with torch.inference_mode(False), torch.no_grad():
            given = self._pooled(inputs)
        return {name: given[name].float() for name in self.columns}

    def _pooled(self, inputs: Inputs) -> dict[str, Tensor]:
        by_name = named(inputs)
        size, mask = len(next(iter(by_name.values()))), by_name.get("inputs/attention_mask")
        names, found = list(self.backbone.stages), dict[str, Tensor]()

        def take(depth: int, output: Any) -> None:
            leaves = [leaf for leaf in pytree.tree_leaves(output) if torch.is_tensor(leaf)]
            rows = [leaf for leaf in leaves if leaf.is_floating_point() and len(leaf.shape) > 1]
            if rows and len(rows[0]) == size:
                found[names[depth]] = pooled(rows[0], mask)

        with self._watching(take), torch.no_grad():
            trunk = self.backbone.net(inputs)
            features = self.backbone.pool(trunk)
        if features.ndim == 2 and len(features) == size:
            found[names[-1]] = features
        if self.backbone.original_head is not None:
            with torch.no_grad():
                found[ORIGINAL] = self.backbone.original_answer(trunk)
        return found

    @contextmanager
    def _watching(self, take: Any) -> Iterator[None]:
        """Hand every outermost output of a stage's modules to `take`, with the number of the stage."""
        inside = 0

        def enter(module: nn.Module, _: Any) -> None:
            nonlocal inside
            inside += 1

        def leave(module: nn.Module, _: Any, output: Any) -> None:
            nonlocal inside
            inside -= 1
            if inside == 0:
                take(self._depths[id(module)], output)

        with ExitStack() as hooks:
            for module in self.backbone.net.modules():
                if id(module) in self._depths:
                    hooks.callback(module.register_forward_pre_hook(enter).remove)
                    hooks.callback(module.register_forward_hook(leave, always_call=True).remove)
            yield


def pooled(value: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean over positions, shape (B, D); see `PooledStages`.

    >>> pooled(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]])).tolist()
    [[2.0, 4.0]]
    >>> pooled(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]), torch.tensor([[1, 0]])).tolist()
    [[1.0, 2.0]]

    Args:
        value: Shape (B, ...).
        mask: Shape (B, T), 0 where a token is padding.
    """
    if value.ndim == 3 and mask is not None and mask.shape == value.shape[:2]:
        weights = mask.to(value.dtype).unsqueeze(-1)
        return (value * weights).sum(1) / weights.sum(1).clamp_min(1)
    return value.mean(_positions(value.shape)) if value.ndim > 2 else value


def _positions(shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) == 3:
        return (1,)
    last = len(shape) == 4 and shape[1] == shape[2] != shape[3]
    return (1, 2) if last else tuple(range(2, len(shape)))
