"""A folder of entries that are whole or not there, shared by concurrent processes, within a budget."""

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["META", "Entry", "Store"]

META = "meta.json"
PART = ".part"
GONE = ".gone"
LOCKS = "locks"
SPARE = 0.05
"""Share of the disk that is left free."""
ABANDONED = 7 * 24 * 3600
"""Seconds after which an unfinished entry that nobody fills goes."""


@dataclass(frozen=True)
class Entry:
    """A finished entry, for people.

    Args:
        address: Its name.
        what: What meta.json says of it.
        size: Bytes.
        used: When it was last used, seconds since the epoch.
    """

    address: str
    what: dict[str, Any]
    size: int
    used: float


class Store:
    """Entries by address; each is a folder with data files and a meta.json, moved into place whole.

    A process that fills an entry holds its lock, so that another one that needs it waits and then
    reads; one that reads holds the entry, so that it is not evicted. A killed process holds nothing,
    and what it had filled so far is gone on from.

    Args:
        folder: Where entries lie.
        budget: Bytes that all of them may take, >= 0.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder, self.budget = folder, budget

    def path(self, address: str) -> Path:
        """Where the finished entry lies."""
        return self.folder / address

    def part(self, address: str) -> Path:
        """Where the entry lies while it is filled."""
        return self.folder / f"{address}{PART}"

    def is_usable(self) -> bool:
        """Whether the folder can be written to; it is made where it is missing."""
        if not self.budget:
            return False
        try:
            (self.folder / LOCKS).mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self.folder, os.W_OK) and os.access(self.folder / LOCKS, os.W_OK)

    @contextlib.contextmanager
    def locked(self, address: str) -> Iterator[None]:
        """Keep other processes from filling the entry; waits for one that does."""
        handle = os.open(self.folder / LOCKS / address, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def finish(self, address: str, meta: dict[str, Any]) -> Path:
        """Move a filled entry into place; its data is on the disk before its name is there."""
        part, final = self.part(address), self.path(address)
        (part / META).write_text(json.dumps(meta, indent=1))
        for file in part.iterdir():
            _flush(file)
        _flush(part)
        os.rename(part, final)
        _flush(self.folder)
        return final

    def discard(self, address: str) -> None:
        """Remove an entry, finished or not."""
        for path in (self.path(address), self.part(address)):
            _remove(path)

    def make_room(self, size: int, address: str) -> bool:
        """Evict what was used longest ago until `size` more bytes are within the budget.

        Args:
            size: Of the entry to come.
            address: Of the entry to come; what was filled of it counts as there.

        Returns:
            Whether it fits now. Nothing is evicted for what can never fit.
        """
        begun = _size(self.part(address))
        free = shutil.disk_usage(self.folder)
        room = free.free - int(SPARE * free.total) + begun
        if size > self.budget or size > room + sum(entry.size for entry in self.entries()):
            return False
        self._sweep()
        entries = sorted(self.entries(), key=lambda entry: entry.used)
        taken = sum(entry.size for entry in entries) + self._begun() - begun
        for entry in entries:
            if taken + size <= self.budget and size <= room:
                break
            if _remove_unused(self.path(entry.address)):
                taken, room = taken - entry.size, room + entry.size
        return taken + size <= self.budget and size <= room

    def entries(self) -> list[Entry]:
        """The finished entries, in no order."""
        found = []
        for meta in self.folder.glob(f"*/{META}"):
            if meta.parent.suffix in (PART, GONE):
                continue
            with contextlib.suppress(OSError, ValueError):
                what = json.loads(meta.read_text())
                found.append(Entry(meta.parent.name, what, _size(meta.parent), meta.stat().st_mtime))
        return found

    def clear(self) -> int:
        """Remove every entry that nobody uses and all that is unfinished; give the bytes freed."""
        freed = 0
        for entry in self.entries():
            if _remove_unused(self.path(entry.address)):
                freed += entry.size
        return freed + self._sweep(older_than=0)

    def _begun(self) -> int:
        return sum(_size(part) for part in self.folder.glob(f"*{PART}"))

    def _sweep(self, older_than: float = ABANDONED) -> int:
        """Remove what a killed process left and nobody came back to."""
        freed = 0
        for left in [*self.folder.glob(f"*{PART}"), *self.folder.glob(f"*{GONE}")]:
            with contextlib.suppress(OSError):
                age = time.time() - left.stat().st_mtime
                free = left.suffix == GONE or self._is_free(left.name.removesuffix(PART))
                if free and (age >= older_than or left.suffix == GONE):
                    freed += _size(left)
                    shutil.rmtree(left, ignore_errors=True)
        return freed

    def _is_free(self, address: str) -> bool:
        handle = os.open(self.folder / LOCKS / address, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(handle)
        return True


def _remove_unused(path: Path) -> bool:
    """Remove an entry unless a process reads it."""
    try:
        handle = os.open(path / META, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _remove(path: Path) -> None:
    """First out of sight, so that nobody opens half an entry."""
    gone = path.with_name(f"{path.name}.{os.getpid()}{GONE}")
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _size(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            status = file.stat()
            total += min(status.st_size, status.st_blocks * 512) if file.suffix == ".bin" else status.st_size
    return total


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
