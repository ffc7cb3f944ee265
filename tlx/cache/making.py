"""Entries that are missing are made: by one pass, by all ranks of a machine, where there is room."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor

from tlx.backbones.cuts import FrozenValues
from tlx.cache.budget import BUDGET, Protected, Room
from tlx.cache.filling import Filling, entry_bytes, prepare
from tlx.cache.layout import Layout
from tlx.cache.lengths import Lengths, lengths_of
from tlx.cache.meta import described
from tlx.cache.onepass import fill
from tlx.cache.part import Part, in_variations
from tlx.cache.rows import StoredRows
from tlx.cache.settings import CacheSettings
from tlx.cache.store import Store
from tlx.data.datamodule import TransferData
from tlx.errors import TlxError
from tlx.evaluation import to_device
from tlx.report.formats import size
from tlx.trainer import World

__all__ = ["Making"]

Cuts: TypeAlias = Mapping[str, FrozenValues]


@dataclass
class Making:
    """What makes the entries of one run.

    Args:
        settings: What they may cost.
        data: What reads the samples.
        world: This process among the others.
        device: Where to compute.
        precision: Makes the autocast to compute under.
        say: Takes a line for people.
        names: `model` and `data` as they were chosen, as far as that is known.
    """

    settings: CacheSettings
    data: TransferData
    world: World
    device: torch.device
    precision: Callable[[], AbstractContextManager[Any]]
    say: Callable[[str], None]
    names: Mapping[str, str] = field(default_factory=dict)
    held: dict[str, StoredRows] = field(default_factory=dict)  # what is in memory alone
    passes: list[tuple[Part, list[float]]] = field(default_factory=list)  # begin, end of each block, end

    def __post_init__(self) -> None:
        self.store = Store(self.settings.place, self.settings.budget)
        self.room = Room(self.store)
        self.refused = set[str]()  # damaged entries that this user may not remove
        self._examples: dict[int, dict[str, Tensor]] = {}
        self._said = set[str]()
        self._unlocked = ""  # why entries cannot be locked

    def holds(self, name: str) -> bool:
        """Whether an entry is there, in memory or on the disk."""
        return name in self.held or (name not in self.refused and self.store.holds(name))

    def ensure(self, part: Part, cuts: Cuts, protected: Protected, memory: int) -> None:
        """Make what is missing, unless there is no room for it, which is said.

        Nothing is made while what is needed now is there: the pass that is needed first makes what is
        missing for later in the same time.

        Args:
            part: The samples.
            cuts: The frontiers by their addresses, the one that is needed now first.
            protected: What is not evicted to make room.
            memory: Bytes that all that is in memory alone may take.
        """
        with ExitStack() as locks:
            missing = self._claimed(cuts, locks)
            if next(iter(cuts)) not in missing:
                return
            lengths = self._lengths(part, [cuts[name] for name in missing])
            layouts = {name: self.layout(part, cuts[name], lengths) for name in missing}
            granted = self._granted(part, layouts, protected, memory) if self.world.is_leader else None
            places, lacking = self.world.from_leader(granted)
            if places:
                self._make(part, cuts, layouts, places)
            else:
                self.say_left_out(part, cuts[missing[0]], layouts[missing[0]].bytes, lacking)
            self.world.gather_here(None)

    def say_left_out(self, part: Part, cut: FrozenValues, needed: int, lacking: str = BUDGET) -> None:
        """Say, once in a run, that a frontier is computed in every epoch, and why.

        Args:
            part: The samples.
            cut: At the frontier.
            needed: Bytes of its values.
            lacking: What beside the memory has no room for them.
        """
        budget = f"cache.disk={self.settings.disk:g}"
        self.say_once(
            f"frozen part of {part.name} to {cut.reach} takes {size(needed)}, more than "
            f"{self.settings.room_said(budget if lacking == BUDGET else lacking, self.world.local_size)}: "
            "it is computed in every epoch"
        )

    def say_once(self, line: str) -> None:
        """Say what stays true for all of a run."""
        if line not in self._said:
            self._said.add(line)
            self.say(line)

    def _make(
        self,
        part: Part,
        cuts: Cuts,
        layouts: Mapping[str, Layout],
        places: Mapping[str, str],
    ) -> None:
        began = time.monotonic()
        fillings = self._fillings(part, cuts, layouts, places)
        pairs = [(cuts[name], filling) for name, filling in fillings.items()]
        if not pairs:
            return
        blocks = fill(part, self.data, pairs, self.device, self.precision, self.world)
        self.world.gather_here(None)
        made = {n: each for n, each in fillings.items() if self._finish(n, part, cuts[n], each)}
        self.passes.append((part, [began, *blocks, time.monotonic()]))
        if made:
            self._say_what_was_made(part, cuts, made)

    def layout(self, part: Part, cut: FrozenValues, lengths: Lengths | None) -> Layout:
        """What a row of an entry is; texts are as long as `lengths` says."""
        values = self._example(part, cut)
        if lengths is None or not cut.per_token:
            return Layout.of(values, frozenset(), part.rows)
        return Layout.of(values, cut.per_token, part.rows, lengths.tokens, lengths.padding)

    def _example(self, part: Part, cut: FrozenValues) -> dict[str, Tensor]:
        """Two rows of a frontier's values: their shapes are those of any split."""
        if cut.frontier not in self._examples:
            with self.precision():
                values = cut.values(to_device(self.data.first(part.split, 2), self.device))
            self._examples[cut.frontier] = values
        return self._examples[cut.frontier]

    def _claimed(self, cuts: Cuts, locks: ExitStack) -> list[str]:
        """The addresses that nobody has filled; the first rank of the machine holds their locks."""
        missing = [name for name in cuts if not self.holds(name)]
        if self.world.is_leader and missing and self.store.is_usable():
            try:
                for name in sorted(missing):  # in one order, so that no two processes wait for each other
                    locks.enter_context(self.store.locked(name))
                self._unlocked = ""
            except OSError as error:  # the folder goes just now, or knows no locks: others may write there
                self._unlocked = error.strerror or str(error)
            missing = [name for name in missing if not self.holds(name)]
        found: list[str] = self.world.from_leader(missing)
        return found

    def _granted(
        self, part: Part, layouts: Mapping[str, Layout], protected: Protected, memory: int
    ) -> tuple[dict[str, str], str]:
        """Where each entry is made, "disk" or "memory", and what had no room for the one needed now.

        What comes after one that does not fit is left out, so that nothing takes the room of what is needed
        before it.
        """
        places, blocks = dict[str, str](), part.blocks(self.data.eval_batch_size)
        for name, layout in layouts.items():
            lacking = self._reserve(name, layout, blocks, protected)
            if not lacking:
                places[name] = "disk"
            elif self._frees(layout.bytes, protected, memory):
                places[name], memory = "memory", memory - layout.bytes
            else:
                return places, lacking
        return places, ""

    def _reserve(self, name: str, layout: Layout, blocks: int, protected: Protected) -> str:
        """What has no room for an entry on the disk; empty where it is reserved."""
        folder = self.store.folder
        if not self.settings.budget:
            return BUDGET
        if name in self.refused:
            return f"{folder}, where a damaged entry cannot be replaced,"
        if self._unlocked:
            return f"{folder} ({self._unlocked})"
        if not self.store.is_usable():
            return f"{folder}, which cannot be written to,"
        return self.room.reserve(
            name, entry_bytes(layout, blocks), lambda part: prepare(part, layout, blocks), protected
        )

    def _frees(self, needed: int, protected: Protected, memory: int) -> bool:
        """Whether memory has room; what is not needed any more goes for it."""
        used = self.settings.memory - memory
        if needed <= memory:
            for name in self.held.keys() - {*protected.now, *protected.later}:
                if self._memory_left() - used < needed:
                    del self.held[name]
        return needed <= self._memory_left() - used

    def _fillings(
        self,
        part: Part,
        cuts: Cuts,
        layouts: Mapping[str, Layout],
        places: Mapping[str, str],
    ) -> dict[str, Filling]:
        """The files or arrays to write into; none where they cannot be opened, which is said."""
        blocks, leads = part.blocks(self.data.eval_batch_size), self.world.is_leader

        def made(name: str) -> Filling:
            folder = self.store.part(name) if places[name] == "disk" else None
            return Filling(cuts[name].frontier, layouts[name], blocks, folder, fresh=leads)

        fillings, failed = dict[str, Filling](), ""
        for turn in (True, False):  # the files are made before others open them
            if turn == leads:
                try:
                    fillings = {name: made(name) for name in places}
                except OSError as error:
                    failed = error.strerror or str(error)
            self.world.gather_here(None)
        failures = [reason for reason in self.world.gather_here(failed) if reason]
        if failures:
            self.say_once(
                f"{self.store.folder} cannot be used ({failures[0]}): "
                f"frozen part of {part.name} is computed in every epoch"
            )
        return {} if failures else fillings

    def _finish(self, name: str, part: Part, cut: FrozenValues, filling: Filling) -> bool:
        """Whether a filled entry is kept."""
        if not filling.done.all():
            raise TlxError(f"{int((filling.done == 0).sum())} blocks of {part.name} were left out")
        failed = ""
        if filling.folder is not None:
            failed = self.world.from_leader(
                self._store(name, part, cut, filling) if self.world.is_leader else ""
            )
        in_memory = filling.folder is None
        if failed:
            in_memory = self.world.local_size == 1 and filling.layout.bytes <= self._memory_left()
            self.say_once(
                f"{self.store.folder} cannot be written to ({failed}): frozen part of {part.name} to "
                f"{cut.reach} is {'held in memory' if in_memory else 'computed in every epoch'}"
            )
        if in_memory:
            self.held[name] = filling.rows()
        return in_memory or not failed

    def _memory_left(self) -> int:
        return self.settings.memory - sum(rows.layout.bytes for rows in self.held.values())

    def _store(self, name: str, part: Part, cut: FrozenValues, filling: Filling) -> str:
        """Move a filled entry into place; why it cannot be, empty where it is."""
        try:
            meta = {
                "what": described(part, cut, self.data.source, self.names),
                "frontier": filling.frontier,
                "layout": filling.layout.describe(),
                "has_offsets": filling.layout.offsets is not None,
                "sha256": filling.hashes(),
            }
            self.store.finish(name, meta)
        except OSError as error:
            self.store.discard(name)
            return error.strerror or str(error)
        return ""

    def _lengths(self, part: Part, cuts: Sequence[FrozenValues]) -> Lengths | None:
        """Tokens of each text, counted by the first rank of the machine."""
        if not any(cut.per_token for cut in cuts):
            return None
        found: Lengths | None = lengths_of(self.data, part.split) if self.world.is_leader else None
        agreed: Lengths = self.world.from_leader(found)
        return agreed

    def _say_what_was_made(self, part: Part, cuts: Cuts, fillings: Mapping[str, Filling]) -> None:
        made = ", ".join(
            f"{cuts[name].reach} {size(filling.layout.bytes)}{'' if filling.folder else ' in memory'}"
            for name, filling in fillings.items()
        )
        count = f"{len(part.split)} samples{in_variations(part.views)}"
        began, *_, ended = self.passes[-1][1]
        self.say(f"frozen part of {part.name} computed once, {count}, to {made}: {ended - began:.1f} s")
