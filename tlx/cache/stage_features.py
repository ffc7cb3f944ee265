"""What every stage makes of a split, a vector for each sample, computed once and kept."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tlx.backbones.pooled_stages import PooledStages
from tlx.backbones.staged import StagedBackbone
from tlx.cache.address import rooms_digest, values_address
from tlx.cache.budget import Protected
from tlx.cache.comparison import alike, spread
from tlx.cache.making import Making
from tlx.cache.part import Part
from tlx.cache.rows import StoredRows, open_rows
from tlx.cache.settings import MOST, CacheSettings
from tlx.data.datamodule import TransferData
from tlx.errors import CheckpointError, ConfigError
from tlx.evaluation import to_device
from tlx.trainer import World

__all__ = ["StageFeatures"]

ALONE = Protected(set(), set())


class StageFeatures:
    """The pooled values of all stages, see `PooledStages`, by one pass over each split.

    They take 4 bytes for each channel of each stage and sample (10 kB a sample for SqueezeNet 1.1, 31 kB
    for ResNet-50) and lie in the store of frozen parts, where every other run and protocol finds them,
    and a pass that was killed goes on. What the store has no room for is held in memory, for there is no
    way to answer without it.

    Args:
        settings: What the store may cost.
        backbone: Put into evaluation mode.
        data: What reads the samples; takes the preprocessing of the backbone.
        device: Where to compute.
        precision: Makes the autocast to compute under.
        bits: Further settings that the bits depend on, as plain values.
        say: Takes a line for people.
        names: `model` and `data` as they were chosen, for people; None: not known.
    """

    def __init__(
        self,
        settings: CacheSettings,
        backbone: StagedBackbone,
        data: TransferData,
        device: torch.device,
        precision: Callable[[], AbstractContextManager[Any]],
        bits: Mapping[str, Any],
        say: Callable[[str], None],
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.backbone, self.data, self.device, self.bits = backbone, data, device, dict(bits)
        self.say = say
        kept = replace(settings, ram=MOST)
        self.making = Making(kept, data, World(), device, precision, say, names or {})
        data.preprocessing = backbone.preprocessing
        backbone.to(device).eval()
        with self.making.precision():
            example = to_device(data.first(data.splits.train, 2), device)
            self.pooled = PooledStages(backbone, example)

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that give something, from the input up."""
        return self.pooled.stages

    def of(self, part: Part) -> dict[str, Tensor]:
        """Float32 rows of every stage on the CPU, by its name: shape (N, C of the stage).

        With an original head its logits as well, under `tlx.backbones.pooled_stages.ORIGINAL`.

        Args:
            part: The samples as they are, without variations.

        Raises:
            ConfigError: The network gives other values each time.
            DataError: A sample cannot be read.
        """
        rows = self._rows(part)
        try:
            return rows.take(torch.arange(len(rows)))
        finally:
            if rows.in_memory == 0:
                rows.release()

    def _rows(self, part: Part) -> StoredRows:
        name = values_address(
            self.backbone,
            self.pooled.frontier,
            self.data,
            part,
            self.device,
            self.bits,
            pooled=rooms_digest("backbones"),
        )
        for _ in range(2):
            self.making.ensure(part, {name: self.pooled}, ALONE, self.making.settings.memory)
            rows = self._opened(name)
            if rows is not None:
                if self._agrees(part, rows, name):
                    return rows
                self.say(f"stored features of {part.name} are not what the network gives; they are made anew")
            self.making.held.pop(name, None)
            self.making.store.discard(name)
            if self.making.store.holds(name):
                self.making.refused.add(name)
        raise ConfigError(f"the features of {part.name} are other ones each time, so nothing is told by them")

    def _opened(self, name: str) -> StoredRows | None:
        if name in self.making.held:
            return self.making.held[name]
        try:
            return open_rows(self.making.store.path(name), memory=0)
        except CheckpointError as error:
            self.say(f"{error}; they are made anew")
            return None

    def _agrees(self, part: Part, rows: StoredRows, name: str) -> bool:
        chosen = spread(part.rows, name)
        inputs = self.data.chosen(part.split, [(0, row) for row in chosen])
        stored = rows.take(torch.tensor(chosen))
        with self.making.precision():
            found = self.pooled.values(to_device(inputs, self.device))
        return all(alike(value.cpu(), stored[stage]) for stage, value in found.items())
