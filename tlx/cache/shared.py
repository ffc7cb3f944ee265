"""Whole files that several runs need: one of them computes a file, the others copy it."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from tlx.cache.address import address, arithmetic
from tlx.cache.budget import BUDGET, Protected, Room, allocate
from tlx.cache.meta import META, parsed_meta
from tlx.cache.settings import CacheSettings
from tlx.cache.store import Store, data_file
from tlx.checkpoint.durable import file_hash, write_durably
from tlx.errors import CheckpointError
from tlx.report.formats import size
from tlx.trainer import World

__all__ = ["SharedFiles"]

AROUND = 2048
"""Bytes of meta.json."""


class SharedFiles:
    """Files in the folder of the frozen parts, known by an address of all that their bits depend on.

    They share its budget, and go in their turn. A run has a copy of its own and no link, so that a file
    which is evicted or damaged, here or there, is so for nobody else.

    Args:
        settings: What they may cost; where nothing is written to disk, every run computes its own.
        device: Where they are computed.
        bits: Further settings that their bits depend on, as plain values.
        about: The model and the data that they are of, see `tlx.cache.meta.named`; None: not known.
    """

    def __init__(
        self,
        settings: CacheSettings,
        device: torch.device,
        bits: Mapping[str, Any],
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings, self.device, self.bits, self.about = settings, device, dict(bits), dict(about or {})
        self.store = Store(settings.place, settings.budget)
        self.say: Callable[[str], None] = lambda line: None

    @property
    def is_on(self) -> bool:
        """Whether files are shared at all."""
        return self.settings.budget > 0

    def address(self, **parts: Any) -> str:
        """Of a file that is computed here and depends on these plain values."""
        return address(arithmetic=arithmetic(self.device, self.bits), **parts)

    def obtain(
        self,
        path: Path,
        name: str,
        what: Mapping[str, Any],
        make: Callable[[Path], None],
        world: World,
    ) -> None:
        """Write a file and its hash beside it: that of another run, else one that others will find.

        A process that computes it is waited for. It is the same file in each case.

        Args:
            path: Where; the first rank writes it.
            name: Its address; the first rank's counts.
            what: What it is, for `tlx list cache`: `of`, `model`, `samples` and `split`.
            make: Computes and writes it; every rank calls it.
            world: This process among the others.
        """
        with ExitStack() as locks:
            claimed = world.is_first and self._claimed(name, locks)
            if world.agree(world.is_first and self._copied(path, name, what)):
                return
            make(path)
            if claimed:
                self._keep(path, name, what)
            elif world.is_first:
                self.say(f"{what['of']} is not kept for other runs: {self.store.folder} cannot be written to")

    def _claimed(self, name: str, locks: ExitStack) -> bool:
        """Whether this process alone may make the entry; the folder may go just now, or know no locks."""
        with contextlib.suppress(OSError):
            if self.store.is_usable():
                locks.enter_context(self.store.locked(name))
                return True
        return False

    def _copied(self, path: Path, name: str, what: Mapping[str, Any]) -> bool:
        """Whether the file was there, whole, and is at its place now."""
        if not self.store.holds(name):
            return False
        meta = self.store.path(name) / META
        try:
            with meta.open() as hold:
                fcntl.flock(hold, fcntl.LOCK_SH)  # so that it is not evicted
                [digest] = parsed_meta(hold.read())["sha256"]
                write_durably(path, lambda to: _copy(meta.with_name(data_file(0)), to, digest), sidecar=True)
                with contextlib.suppress(OSError):  # another user's, or in a folder that is only read
                    os.utime(meta)
        except (OSError, ValueError, KeyError, TypeError, CheckpointError) as error:
            self.say(f"{what['of']} in {self.store.folder} cannot be used ({error}); it is computed anew")
            self.store.discard(name)
            return False
        self.say(f"{what['of']} was computed by another run, and comes from {self.store.folder}")
        return True

    def _keep(self, path: Path, name: str, what: Mapping[str, Any]) -> None:
        """Leave a copy for others, where there is room."""
        needed = path.stat().st_size
        lacking = Room(self.store).reserve(
            name, needed + AROUND, lambda part: allocate(part / data_file(0), needed, anew=True), Protected()
        )
        if not lacking:
            try:
                _fill(path, self.store.part(name) / data_file(0))
                self.store.finish(name, {"what": {**what, **self.about}, "sha256": [file_hash(path)]})
            except OSError as error:
                self.store.discard(name)
                lacking = f"{self.store.folder} ({error.strerror or error})"
        if lacking:
            place = f"cache.disk={self.settings.disk:g}" if lacking == BUDGET else lacking
            self.say(
                f"{what['of']} takes {size(needed)}, more than {place} leaves: other runs compute it anew"
            )


def _copy(path: Path, to: Path, digest: str) -> None:
    shutil.copyfile(path, to)
    if file_hash(to) != digest:
        raise CheckpointError("its SHA-256 is another")


def _fill(path: Path, to: Path) -> None:
    """Copy into a file of the same size, whose every byte has its place on the disk."""
    with path.open("rb") as read, to.open("r+b") as write:
        shutil.copyfileobj(read, write)
