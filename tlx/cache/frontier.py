"""The frozen part of a run's network, computed once for each sample and read from then on."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import Any, TypeVar

import torch

from tlx.backbones.cut import Cut
from tlx.cache import address as addresses
from tlx.cache.budget import Protected, placed
from tlx.cache.comparison import alike, spread
from tlx.cache.filling import entry_bytes
from tlx.cache.layout import Layout
from tlx.cache.lengths import estimated
from tlx.cache.making import Making
from tlx.cache.part import Part
from tlx.cache.rows import StoredRows, open_rows
from tlx.cache.settings import CacheSettings
from tlx.data.datamodule import TransferData
from tlx.errors import CheckpointError, ConfigError
from tlx.evaluation import to_device
from tlx.modules.network import Network
from tlx.trainer import World
from tlx.types import FrontierValues

__all__ = ["FrontierCache"]

Key = TypeVar("Key")


class FrontierCache:
    """What the stages below a frontier give, for every sample of a split.

    Values come from the store where they are, else from one pass that fills all frontiers that are known to
    be needed. Blocks are read in index order and are of one shape, so that the bits do not depend on the
    run or the rank that computes them, and are the same again after an eviction. What is not kept is
    computed with each batch, whose shape the bits of linear layers may depend on. The ranks of a machine
    fill disjoint blocks of the same files; each machine decides for itself, for it may hold or have room
    for something else than another. What does not fit on the disk is held in memory, of one process alone.

    Args:
        settings: What it may cost.
        network: Whose frozen part it is.
        data: What reads the samples.
        world: This process among the others.
        device: Where to compute.
        precision: Makes the autocast to compute under.
        bits: Further settings that the bits depend on, as plain values.
        say: Takes a line for people.
        names: `model` and `data` as they were chosen, for people; None: not known.
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
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.settings, self.network, self.data, self.world = settings, network, data, world
        self.device, self.precision, self.bits, self.say = device, precision, dict(bits), say
        self.making = Making(
            settings, data, world, device, precision, lambda line: self.say(line), names or {}
        )
        self.seconds = 0.0
        self.processes = world.local_size  # of this machine; before they are started, those that will be
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
        """The values of one more split; see `rows_of`."""
        others = {name for split, (name, _) in self._open.items() if split != part.name}
        return self._all([(part, frontiers)], others).get(part.name)

    def rows_of(self, wanted: Sequence[tuple[Part, Sequence[int]]]) -> dict[str, StoredRows]:
        """The values that are read from now on, each split at the first of its frontiers.

        The other frontiers are filled by the way, as far as they fit beside what is needed before them.

        Args:
            wanted: Each split with its frontiers, > 0, below which all is frozen now; that which is
                needed most comes first.

        Returns:
            The rows by the name of the split, without those that fit neither on the disk nor in memory
            and those at whose frontier the network cannot be cut, which is said.
        """
        if wanted:
            return self._all(wanted, set())
        self._close(set())
        return {}

    def meet(self) -> None:
        """Wait for all machines: each computes what it lacks, and waiting takes the same seconds."""
        began = time.monotonic()
        self.world.gather(None)
        self.seconds += time.monotonic() - began

    def layout(self, part: Part, frontier: int) -> Layout:
        """How a split's values would lie; the lengths of texts are told from some of them.

        Raises:
            ConfigError: The network cannot be cut there, or such values cannot be stored.
        """
        cut = self.cut(frontier)
        return self.making.layout(part, cut, estimated(self.data, part.split) if cut.per_token else None)

    def fitting(self, levels: Sequence[Mapping[Key, tuple[Part, Layout]]]) -> dict[Key, str]:
        """Where there is room on this machine for what is wanted now, and then for what is wanted later."""
        most = self.data.eval_batch_size
        sizes = [
            {key: entry_bytes(layout, part.blocks(most)) for key, (part, layout) in level.items()}
            for level in levels
        ]
        return placed(sizes, self.making.room.most(), self.memory)

    def is_kept(self, part: Part, frontier: int) -> bool:
        """Whether the values are there already; the stages below the frontier must be frozen."""
        return self.making.holds(self._address(part, frontier))

    @property
    def memory(self) -> int:
        """Bytes that this process may hold in memory; ranks that share files hold none."""
        return self.settings.memory if self.processes == 1 else 0

    def _all(self, wanted: Sequence[tuple[Part, Sequence[int]]], others: set[str]) -> dict[str, StoredRows]:
        began, found = time.monotonic(), dict[str, StoredRows]()
        self.network.to(self.device)
        try:
            with self._evaluated():
                needs = self.needs(wanted)
                now = {next(iter(cuts)) for _, cuts in needs}
                later = {name for _, cuts in needs for name in cuts} - now
                self._close(now | others)
                for part, cuts in needs:  # all of them before one is read into memory
                    with self._told(part):
                        self._ensure(part, cuts, Protected(now | others, later))
                for part, cuts in needs:
                    with self._told(part):
                        rows = self._checked(part, cuts, Protected(now | others, later))
                        found |= {} if rows is None else {part.name: rows}
            return found
        finally:
            self.seconds += time.monotonic() - began

    def needs(self, wanted: Sequence[tuple[Part, Sequence[int]]]) -> list[tuple[Part, dict[str, Cut]]]:
        """Each split with its frontiers by address, without those ahead that there is no room for."""
        needs, levels = list[tuple[Part, dict[str, Cut]]](), list[list[tuple[str, tuple[Part, Layout]]]]()
        for part, frontiers in wanted:
            with self._told(part):
                cuts = {self._address(part, frontier): self.cut(frontier) for frontier in frontiers}
                levels.append([(n, (part, self.layout(part, cut.frontier))) for n, cut in cuts.items()])
                needs.append((part, cuts))
        found = self.fitting([dict(filter(None, level)) for level in zip_longest(*levels)])
        fitting = self.world.from_leader(found)
        for (part, cuts), described in zip(needs, levels, strict=True):
            for name, (_, layout) in described[1:]:
                if name not in fitting:
                    self._say_what_never_fits(part, name, cuts.pop(name), layout.bytes)
        return needs

    def _say_what_never_fits(self, part: Part, name: str, cut: Cut, needed: int) -> None:
        if needed > max(self.settings.budget, self.memory) and not self.making.holds(name):
            self.making.say_left_out(part, cut, needed)

    def _close(self, wanted: set[str]) -> None:
        for split, (name, rows) in list(self._open.items()):
            if name not in wanted:
                if name not in self.making.held:
                    rows.release()
                del self._open[split]

    def _ensure(self, part: Part, cuts: Mapping[str, Cut], protected: Protected) -> None:
        self.making.ensure(part, cuts, protected, self.memory - self._copied())

    def _copied(self) -> int:
        """Bytes in memory of what is on the disk as well."""
        return sum(rows.in_memory for name, rows in self._open.values() if name not in self.making.held)

    def _checked(self, part: Part, cuts: Mapping[str, Cut], protected: Protected) -> StoredRows | None:
        name, cut = next(iter(cuts.items()))
        if self._open.get(part.name, ("",))[0] == name:
            return self._open[part.name][1]
        for again in (False, True):
            if again:
                self._ensure(part, cuts, protected)
            if not self.world.from_leader(self.making.holds(name)):
                return None
            rows = self._opened(name)
            readable = self.world.from_leader(rows is not None)
            if readable and rows is not None and self.world.from_leader(self._agrees(part, cut, rows, name)):
                self._open[part.name] = (name, rows)
                return rows
            if readable:
                self.say(f"stored values of {part.name} are not what the network gives; they are made anew")
            self._discard(name)
        raise ConfigError("its values are other ones each time, so they cannot be stored")

    def _opened(self, name: str) -> StoredRows | None:
        if name in self.making.held:
            return self.making.held[name]
        held = sum(rows.layout.bytes for rows in self.making.held.values())
        try:
            memory = self.memory - held - self._copied()
            return open_rows(self.making.store.path(name), memory, check=self.world.is_leader)
        except CheckpointError as error:
            self.say(f"{error}; they are made anew")
            return None

    def _discard(self, name: str) -> None:
        """What this user may not remove is passed over from then on."""
        self.making.held.pop(name, None)
        if self.world.is_leader:
            self.making.store.discard(name)
            if self.making.store.holds(name):
                self.making.refused.add(name)

    @contextlib.contextmanager
    def _told(self, part: Part) -> Iterator[None]:
        """Say why a split's values cannot be kept, and go on without them."""
        try:
            yield
        except ConfigError as error:
            self.making.say_once(f"frozen part of {part.name} is computed in every epoch: {error.what}")

    def _agrees(self, part: Part, cut: Cut, rows: StoredRows, name: str) -> bool:
        """Whether stored values lead to the features that the network itself gives."""
        chosen = spread(part.rows, name)
        pairs = [divmod(row, len(part.split)) for row in chosen]
        inputs = self.data.chosen(part.split, pairs, part.views is not None)
        found = FrontierValues(cut.frontier, rows.take(torch.tensor(chosen)))
        with self.precision():
            whole = self.network.features(to_device(inputs, self.device))
            self.network.cut, before = cut, self.network.cut
            stored = self.network.features(to_device(found, self.device))
            self.network.cut = before
        return alike(whole, stored)

    def _address(self, part: Part, frontier: int) -> str:
        backbone, data = self.network.backbone, self.data
        return addresses.values_address(backbone, frontier, data, part, self.device, self.bits)

    @contextlib.contextmanager
    def _evaluated(self) -> Iterator[None]:
        mode = self.network.training
        self.network.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.network.train(mode)
