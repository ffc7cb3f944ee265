"""What the frozen part may cost in memory and on disk."""

import os
from dataclasses import dataclass
from pathlib import Path

from tlx.errors import bad_value

__all__ = ["CacheSettings"]

GIB = 2**30
MOST = 1e9


@dataclass(frozen=True)
class CacheSettings:
    """Settings of `conf/cache`.

    Args:
        ram: GiB of values that a process may hold in memory, 0 to 1e9; more is read from the disk as it
            is needed.
        disk: GiB that all values in `folder`, and what else runs share there, may take together, 0 to
            1e9; those used longest ago go first. 0: nothing is written, so nothing is shared between runs.
        folder: Where values lie; None: `tlx/features` in the user's cache folder.
        views: Where training pictures vary and part of the network is frozen: so many variations of each,
            at most as many as epochs read them, are computed once, epoch e reading variation e modulo their
            number. None: what varies is not kept. >= 1.

    Raises:
        ConfigError: A value is out of its range.
    """

    ram: float = 4.0
    disk: float = 20.0
    folder: str | None = None
    views: int | None = None

    def __post_init__(self) -> None:
        for name in ("ram", "disk"):
            if not 0 <= getattr(self, name) <= MOST:
                raise bad_value(f"cache.{name}", getattr(self, name), f"GiB, a number from 0 to {MOST:g}")
        if self.folder is not None and not self.folder.strip():
            raise bad_value("cache.folder", self.folder, "a path, or null")
        if self.views is not None and self.views < 1:
            raise bad_value("cache.views", self.views, "a whole number >= 1, or null")
        if self.views is not None and not self.is_on:
            raise bad_value("cache.views", self.views, "null where nothing is kept", "cache=auto")

    @property
    def is_on(self) -> bool:
        """Whether anything may be kept at all."""
        return self.ram > 0 or self.disk > 0

    @property
    def memory(self) -> int:
        """Bytes that a process may hold in memory."""
        return int(self.ram * GIB)

    @property
    def budget(self) -> int:
        """Bytes that the folder may take."""
        return int(self.disk * GIB)

    @property
    def place(self) -> Path:
        """The folder."""
        if self.folder is not None:
            return Path(self.folder).expanduser().absolute()
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return Path(home, "tlx", "features")

    def room_said(self, disk: str, processes: int) -> str:
        """What has no room, for people: of several processes of a machine none holds values in memory.

        Args:
            disk: What there is on the disk.
            processes: That share the machine.
        """
        if processes > 1:
            return f"{disk} leaves, and of several processes none holds them in memory"
        return f"{disk} and cache.ram={self.ram:g} GiB leave"

    def keeps(self, split: str, views: int | None, frontier: int) -> bool:
        """Whether the values of a split below a frontier are to be kept, where they fit."""
        return self.is_on
