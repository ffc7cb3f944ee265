"""Where values may be kept: what fits beside what, and room on the disk that nobody else gets."""

import errno
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from tlx.cache.store import Entry, Store, bytes_in, may

__all__ = ["BUDGET", "Protected", "Room", "allocate", "placed"]

SPARE = 0.05
"""Share of the disk that is left free."""
BUDGET = "cache.disk"
"""What has no room left where it is the budget itself."""
LOCK = "room"
"""Of all that reserve in a folder, so that two do not count on the same bytes."""
UNSUPPORTED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV)
CHUNK = bytes(2**20)

Key = TypeVar("Key")


def placed(levels: Sequence[Mapping[Key, int]], disk: int, memory: int) -> dict[Key, str]:
    """What is kept where, the levels one after another, the disk first.

    What is only wanted later (every level but the first) takes no room that something wanted before it
    could have: where it does not fit beside what precedes it, nothing after it is kept either.

    Args:
        levels: The bytes of each thing.
        disk: Bytes that all of them may take there.
        memory: The same in memory.

    Returns:
        "disk" or "memory" for each that is kept.

    >>> placed([{"a": 5, "b": 4}, {"c": 2}], disk=7, memory=4)
    {'a': 'disk', 'b': 'memory', 'c': 'disk'}
    >>> placed([{"a": 5}, {"b": 6, "c": 9}, {"d": 1}], disk=8, memory=0)
    {'a': 'disk'}
    """
    most, found = max(disk, memory), dict[Key, str]()
    for number, level in enumerate(levels):
        for key, size in level.items():
            if size <= disk:
                found[key], disk = "disk", disk - size
            elif size <= memory:
                found[key], memory = "memory", memory - size
            elif number and size <= most:
                return found
    return found


class Protected(NamedTuple):
    """What a run needs.

    Args:
        now: Addresses that are never evicted for another one of the same run.
        later: Addresses that go last, and never for one that is needed later itself.
    """

    now: Collection[str] = ()
    later: Collection[str] = ()


class Room:
    """The budget of a store, and what is reserved of it.

    Args:
        store: The folder.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def most(self) -> int:
        """Bytes that the entries of one run may take at most; 0 where nothing can be written."""
        folder, budget = self.store.folder, self.store.budget
        there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
        if not budget or not there.is_dir() or not may(there, os.W_OK):
            return 0
        return max(0, min(budget, _free(there) + self._taken(self.store.entries())))

    def reserve(self, address: str, size: int, prepare: Callable[[Path], None], protected: Protected) -> str:
        """Take room for an entry, evicting what was used longest ago; its lock must be held.

        Args:
            address: Of the entry to come; what was filled of it counts as there.
            size: Bytes of all its files.
            prepare: Makes the files in full size in a folder; what fits already stays as it is.
            protected: What is not evicted for it.

        Returns:
            What does not have it, `BUDGET` or words; empty where it is reserved.
        """
        try:
            with self.store.locked(LOCK):
                lacking = self._make_room(address, size, protected)
                if not lacking:
                    prepare(self.store.begin(address))
                    self.store.share(address)
                return lacking
        except OSError as error:  # full, a quota, a limit of file sizes, or gone
            self.store.discard(address)
            return f"{self.store.folder} ({error.strerror or error})"

    def _make_room(self, address: str, size: int, protected: Protected) -> str:
        """Evict until there is room; nothing is evicted for what can never fit."""
        store, begun, entries = self.store, bytes_in(self.store.part(address)), self.store.entries()
        disk = f"the disk of {store.folder} ({SPARE * 100:g} % of it stay free)"
        if size > store.budget:
            return BUDGET
        if size > _free(store.folder) + begun + sum(entry.size for entry in entries):
            return disk
        store.sweep(entries=entries)
        taken, room = self._taken(entries) - begun, _free(store.folder) + begun
        for name, bytes_of_it in _evictable(entries, address, protected):
            if taken + size <= store.budget and size <= room:
                return ""
            if store.evict(name):
                taken, room = taken - bytes_of_it, room + bytes_of_it
        if taken + size > store.budget:
            return BUDGET
        return "" if size <= room else disk

    def _taken(self, entries: Sequence[Entry]) -> int:
        left_over = sum(bytes_in(path) for path in self.store.left_over(entries))
        return left_over + sum(entry.size for entry in entries)


def _evictable(entries: Sequence[Entry], address: str, protected: Protected) -> list[tuple[str, int]]:
    """Entries and their bytes in the order in which they go for another one."""
    kept = {*protected.now, *(protected.later if address in protected.later else ())}
    others = [entry for entry in entries if entry.address not in kept]
    others.sort(key=lambda entry: (entry.address in protected.later, entry.used))
    return [(entry.address, entry.size) for entry in others]


def allocate(path: Path, size: int, anew: bool) -> None:
    """Make a file whose every byte has its place on the disk, so that writing to it never fails.

    A write through a mapping into a hole of a full disk kills the process.

    Args:
        path: The file.
        size: Bytes.
        anew: Whether what is there goes.

    Raises:
        OSError: There is no room.
    """
    with path.open("wb" if anew or not path.exists() else "r+b") as file:
        try:
            if size:
                os.posix_fallocate(file.fileno(), 0, size)
        except (AttributeError, OSError) as error:  # not on every system, nor on every file system
            if getattr(error, "errno", errno.ENOSYS) not in UNSUPPORTED:
                raise
            _write_zeros(file.fileno(), size)


def _write_zeros(handle: int, size: int) -> None:
    """What an earlier attempt wrote stays: a file as long as it shall be has all of its places."""
    there = os.fstat(handle).st_size
    while there < size:
        there += os.pwrite(handle, CHUNK[: size - there], there)
    os.fsync(handle)


def _free(folder: Path) -> int:
    usage = shutil.disk_usage(folder)
    return usage.free - int(SPARE * usage.total)
