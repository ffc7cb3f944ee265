"""The frozen part of a run's network, computed once for each sample and read from then on."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from tlx.backbones.cut import Cut
from tlx.cache import address as addresses
from tlx.cache.making import Making
from tlx.cache.part import Part
from tlx.cache.rows import StoredRows, open_rows
from tlx.cache.settings import CacheSettings
from tlx.cache.store import META
from tlx.data.datamodule import TransferData
from tlx.errors import CheckpointError, ConfigError
from tlx.evaluation import to_device
from tlx.modules.network import Network
from tlx.trainer import World
from tlx.types import FrontierValues

__all__ = ["FrontierCache"]

CHECKED = 4
"""Samples whose stored values are held against the network itself each time."""
FINE, COARSE = 1e-4, 0.05
"""Greatest difference of features, relative to the greatest feature: in single and in half precision."""


class FrontierCache:
    """What the stages below a frontier give, for every sample of a split.

    Values come from the store where they are, else from one pass that fills all frontiers that are
    known to be needed. Blocks are read in index order and are of one shape, so that the bits do not
    depend on the run or the rank that computes them. The ranks of a machine fill disjoint blocks of
    the same files. What does not fit on the disk is held in memory, of one process alone.

    Args:
        settings: What it may cost.
        network: Whose frozen part it is.
        data: What reads the samples.
        world: This process among the others.
        device: Where to compute.
        precision: Makes the autocast to compute under.
        bits: Further settings that the bits depend on, as plain values.
        say: Takes a line for people.
    """

    def __init__(
        self,
        settings: CacheSettings,
        network: Network,
        data: TransferData,
        world: World,
        device: torch.device,
        precision: Callable[[], AbstractContextManager[Any]],
        bits: Mapping[str, Any],
        say: Callable[[str], None],
    ) -> None:
        self.settings, self.network, self.data, self.world = settings, network, data, world
        self.device, self.precision, self.bits, self.say = device, precision, dict(bits), say
        self.making = Making(settings, data, world, device, precision, lambda line: self.say(line))
        self.seconds = 0.0
        self._open: dict[str, tuple[str, StoredRows]] = {}  # by the name of the part: address and rows
        self._cuts: dict[int, Cut] = {}

    def cut(self, frontier: int) -> Cut:
        """The network in two halves; the stages below the frontier must be frozen.

        Raises:
            ConfigError: It cannot be cut there.
        """
        if frontier not in self._cuts:
            device = next(self.network.parameters()).device
            with self.precision():
                example = to_device(self.data.first(self.data.splits.train, 2), device)
                self._cuts[frontier] = Cut(self.network.backbone, frontier, example)
        return self._cuts[frontier]

    def rows(self, part: Part, frontiers: Sequence[int]) -> StoredRows | None:
        """The values of a split at the first of some frontiers; the others are filled by the way.

        Args:
            part: The split.
            frontiers: Each > 0, below which all is frozen now.

        Returns:
            The rows; None where they fit neither on the disk nor in memory, or where the network
            cannot be cut, which is said.
        """
        began = time.monotonic()
        self.network.to(self.device)
        try:
            with self._evaluated():
                cuts = [self.cut(frontier) for frontier in frontiers]
                return self._rows(part, {self._address(part, cut.frontier): cut for cut in cuts})
        except ConfigError as error:
            self.say(f"frozen part of {part.name} is computed in every epoch: {error.what}")
            return None
        finally:
            self.seconds += time.monotonic() - began

    def is_kept(self, part: Part, frontier: int) -> bool:
        """Whether the values are there already; the stages below the frontier must be frozen."""
        return self._is_there(self._address(part, frontier))

    def _rows(self, part: Part, cuts: Mapping[str, Cut]) -> StoredRows | None:
        name, cut = next(iter(cuts.items()))
        if self._open.get(part.name, ("",))[0] == name:
            return self._open[part.name][1]
        self._open.pop(part.name, None)  # before more is read into memory
        for _ in range(2):
            self.making.ensure(part, cuts)
            if not self.world.from_leader(self._is_there(name)):
                return None
            rows = self._opened(name)
            agreed = self.world.from_leader(rows is not None and self._agrees(part, cut, rows))
            if agreed and rows is not None:
                self._open[part.name] = (name, rows)
                return rows
            self.say(f"stored values of {part.name} are not what the network gives; they are made anew")
            self._discard(name)
        raise ConfigError("its values are other ones each time, so they cannot be stored")

    def _is_there(self, name: str) -> bool:
        return name in self.making.held or (self.making.store.path(name) / META).is_file()

    def _opened(self, name: str) -> StoredRows | None:
        if name in self.making.held:
            return self.making.held[name]
        memory = self.settings.memory if self.world.local_size == 1 else 0
        try:
            return open_rows(self.making.store.path(name), memory, check=self.world.is_leader)
        except CheckpointError as error:
            self.say(error.what)
            return None

    def _discard(self, name: str) -> None:
        self.making.held.pop(name, None)
        if self.world.is_leader:
            self.making.store.discard(name)

    def _agrees(self, part: Part, cut: Cut, rows: StoredRows) -> bool:
        """Whether stored values lead to the features that the network itself gives."""
        count = min(CHECKED, len(part.split))
        inputs = self.data.first(part.split, count, part.views is not None)
        found = FrontierValues(cut.frontier, rows.take(torch.arange(count)))
        with self.precision():
            whole = self.network.features(to_device(inputs, self.device))
            self.network.cut, before = cut, self.network.cut
            stored = self.network.features(to_device(found, self.device))
            self.network.cut = before
        return _alike(whole, stored)

    def _address(self, part: Part, frontier: int) -> str:
        backbone, data = self.network.backbone, self.data
        return addresses.address(
            weights=addresses.prefix_digest(backbone, frontier),
            code=addresses.code_digest(backbone),
            backbone=str(backbone.recipe),
            frontier=frontier,
            preprocessing=addresses.preprocessing_digest(backbone.preprocessing),
            samples=addresses.split_key(part.split),
            variation=None if part.views is None else [part.views, data.seed, data.source.flip],
            block=part.block(data.eval_batch_size),
            arithmetic=addresses.arithmetic(self.device, self.bits),
        )

    @contextlib.contextmanager
    def _evaluated(self) -> Iterator[None]:
        mode = self.network.training
        self.network.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.network.train(mode)


def _alike(whole: Tensor, stored: Tensor) -> bool:
    """Equal but for what other batch sizes do to the last bits."""
    allowed = (FINE if stored.dtype == torch.float32 else COARSE) * max(float(whole.abs().max()), 1e-6)
    return whole.shape == stored.shape and bool((whole.float() - stored.float()).abs().max() <= allowed)
