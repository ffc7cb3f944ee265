"""Entries that are missing are made: by one pass, by all ranks of a machine, where there is room."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tlx.backbones.cut import Cut
from tlx.cache.filling import Filling
from tlx.cache.layout import Layout
from tlx.cache.lengths import Lengths, lengths_of
from tlx.cache.onepass import fill
from tlx.cache.part import Part
from tlx.cache.rows import StoredRows, file_hashes
from tlx.cache.settings import CacheSettings
from tlx.cache.store import META, Store
from tlx.data.datamodule import TransferData
from tlx.errors import TlxError
from tlx.evaluation import to_device
from tlx.report.formats import size
from tlx.trainer import World

__all__ = ["Making"]


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
    """

    settings: CacheSettings
    data: TransferData
    world: World
    device: torch.device
    precision: Callable[[], AbstractContextManager[Any]]
    say: Callable[[str], None]
    held: dict[str, StoredRows] = field(default_factory=dict)  # what is in memory alone
    passes: list[tuple[Part, float]] = field(default_factory=list)  # what was read, and the seconds it took

    def __post_init__(self) -> None:
        self.store = Store(self.settings.place, self.settings.budget)
        self._examples: dict[int, dict[str, Tensor]] = {}

    def ensure(self, part: Part, cuts: Mapping[str, Cut]) -> None:
        """Make what is missing, unless there is no room for it, which is said.

        Args:
            part: The samples.
            cuts: The frontiers by their addresses, the one that is needed now first.
        """
        with ExitStack() as locks:
            missing = self._claimed(cuts, locks)
            if not missing:
                return
            lengths = self._lengths(part, [cuts[name] for name in missing])
            layouts = {name: self.layout(part, cuts[name], lengths) for name in missing}
            places = self.world.from_leader(self._places(layouts) if self.world.is_leader else None)
            self._say_what_is_left_out(part, cuts, layouts, places)
            if places:
                began = time.monotonic()
                fillings = self._fillings(part, cuts, layouts, places)
                pairs = [(cuts[name], filling) for name, filling in fillings.items()]
                fill(part, self.data, pairs, self.device, self.precision, self.world)
                self.world.gather(None)
                for name, filling in fillings.items():
                    self._finish(name, part, cuts[name], filling)
                self.passes.append((part, time.monotonic() - began))
                self._say_what_was_made(part, cuts, fillings)
            self.world.gather(None)

    def layout(self, part: Part, cut: Cut, lengths: Lengths | None) -> Layout:
        """What a row of an entry is; texts are as long as `lengths` says."""
        values = self._example(part, cut)
        if lengths is None or not cut.per_token:
            return Layout.of(values, frozenset(), part.rows)
        return Layout.of(values, cut.per_token, part.rows, lengths.tokens, lengths.padding)

    def _example(self, part: Part, cut: Cut) -> dict[str, Tensor]:
        """Two rows of a frontier's values: their shapes are those of any split."""
        if cut.frontier not in self._examples:
            inputs = to_device(self.data.first(part.split, 2), self.device)
            with self.precision():
                self._examples[cut.frontier] = cut.values(inputs)
        return self._examples[cut.frontier]

    def _claimed(self, cuts: Mapping[str, Cut], locks: ExitStack) -> list[str]:
        """The addresses that nobody has filled; the first rank of the machine holds their locks."""
        missing = [name for name in cuts if name not in self.held]
        if self.world.is_leader and self.store.is_usable():
            for name in sorted(missing):  # in one order, so that no two processes wait for each other
                locks.enter_context(self.store.locked(name))
            missing = [name for name in missing if not (self.store.path(name) / META).is_file()]
        found: list[str] = self.world.from_leader(missing)
        return found

    def _places(self, layouts: Mapping[str, Layout]) -> dict[str, str]:
        """Where each entry is made: "disk" or "memory"; one that fits in neither is left out."""
        memory = self.settings.memory - sum(rows.layout.bytes for rows in self.held.values())
        usable, places = self.store.is_usable(), {}
        for name, layout in layouts.items():
            if usable and self.store.make_room(layout.bytes, name):
                places[name] = "disk"
            elif self.world.local_size == 1 and layout.bytes <= memory:
                places[name], memory = "memory", memory - layout.bytes
        return places

    def _fillings(
        self, part: Part, cuts: Mapping[str, Cut], layouts: Mapping[str, Layout], places: Mapping[str, str]
    ) -> dict[str, Filling]:
        blocks = part.blocks(self.data.eval_batch_size)

        def made(name: str) -> Filling:
            folder = self.store.part(name) if places[name] == "disk" else None
            return Filling(cuts[name].frontier, layouts[name], blocks, folder, fresh=self.world.is_leader)

        fillings = {name: made(name) for name in places} if self.world.is_leader else {}
        self.world.gather(None)
        return fillings or {name: made(name) for name in places}

    def _finish(self, name: str, part: Part, cut: Cut, filling: Filling) -> None:
        if not filling.done.all():
            raise TlxError(f"{int((filling.done == 0).sum())} blocks of {part.name} were left out")
        if filling.folder is None:
            self.held[name] = filling.rows()
        elif self.world.is_leader:
            filling.clean()
            meta = {
                "what": _words(part, cut),
                "frontier": filling.frontier,
                "layout": filling.layout.describe(),
                "has_offsets": filling.layout.offsets is not None,
                "sha256": file_hashes(filling.folder, len(filling.layout.columns)),
            }
            self.store.finish(name, meta)

    def _lengths(self, part: Part, cuts: Sequence[Cut]) -> Lengths | None:
        """Tokens of each text, counted by the first rank of the machine."""
        if not any(cut.per_token for cut in cuts):
            return None
        found: Lengths | None = lengths_of(self.data, part.split) if self.world.is_leader else None
        agreed: Lengths = self.world.from_leader(found)
        return agreed

    def _say_what_is_left_out(
        self, part: Part, cuts: Mapping[str, Cut], layouts: Mapping[str, Layout], places: Mapping[str, str]
    ) -> None:
        for name in layouts.keys() - places.keys():
            self.say(
                f"frozen part of {part.name} to {_stage(cuts[name])} takes {size(layouts[name].bytes)}, more "
                f"than cache.disk={self.settings.disk:g} and cache.ram={self.settings.ram:g} GiB leave: "
                "it is computed in every epoch"
            )

    def _say_what_was_made(
        self, part: Part, cuts: Mapping[str, Cut], fillings: Mapping[str, Filling]
    ) -> None:
        made = ", ".join(
            f"{_stage(cuts[name])} {size(filling.layout.bytes)}{'' if filling.folder else ' in memory'}"
            for name, filling in fillings.items()
        )
        views = f" in {part.views} views" if part.views else ""
        count = f"{len(part.split)} samples{views}"
        self.say(f"frozen part of {part.name} computed once, {count}, to {made}: {self.passes[-1][1]:.1f} s")


def _stage(cut: Cut) -> str:
    return list(cut.backbone.stages)[cut.frontier - 1]


def _words(part: Part, cut: Cut) -> dict[str, Any]:
    recipe = cut.backbone.recipe
    return {
        "model": str(recipe.get("name") or recipe.get("_target_") or ""),
        "weights": cut.backbone.weights,
        "stage": _stage(cut),
        "split": part.name,
        "samples": len(part.split),
        "views": part.views,
    }
