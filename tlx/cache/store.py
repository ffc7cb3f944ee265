"""A folder of entries that are whole or not there, shared by concurrent processes and users."""

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlx.cache.meta import META, parsed_meta, write_meta
from tlx.cache.scratch import remove_left

__all__ = ["DONE", "LOCKS", "OFFSETS", "PART", "Entry", "Remains", "Store", "bytes_in", "data_file", "may"]

PART = ".part"
LOCKS = "locks"
OFFSETS = "offsets.npy"
DONE = "done.bin"
ABANDONED = 7 * 24 * 3600
"""Seconds after which an unfinished entry that nobody fills goes."""

ENTRY = re.compile(r"[0-9a-f]{32}")
LEFT = re.compile(r"[0-9a-f]{32}(\.part|(\.part)?\.\d+\.gone)")
FILE = re.compile(rf"\d+\.bin|{re.escape(OFFSETS)}|{re.escape(DONE)}|{re.escape(META)}")


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


@dataclass(frozen=True)
class Remains:
    """What lies beside the finished entries.

    Args:
        path: The folder.
        size: Bytes.
        is_held: Whether a process that lives fills it.
    """

    path: Path
    size: int
    is_held: bool


class Store:
    """Entries by address; each is a folder with data files and a meta.json, moved into place whole.

    A process that fills an entry holds its lock, so that another one that needs it waits and then
    reads; one that reads holds the entry, so that it is not evicted. A killed process holds nothing,
    and what it had filled so far is gone on from. What lies in the folder and does not look like what
    tlx writes there, by its name and by all that is in it, is never touched.

    Args:
        folder: Where entries lie. Who may write to it may write to all that is made in it.
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

    def holds(self, address: str) -> bool:
        """Whether the finished entry is there, also in a folder that cannot be written to."""
        return self.budget > 0 and (self.path(address) / META).is_file()

    def is_usable(self) -> bool:
        """Whether the folder can be written to; it is made where it is missing."""
        if not self.budget:
            return False
        locks = self.folder / LOCKS
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not locks.is_dir():
                locks.mkdir(exist_ok=True)
                self._share(locks)
        except OSError:
            return False
        return may(self.folder, os.W_OK) and may(locks, os.X_OK)

    @contextlib.contextmanager
    def locked(self, address: str) -> Iterator[None]:
        """Keep other processes from filling the entry; waits for one that does.

        Raises:
            OSError: The folder is gone, or has no locks.
        """
        path = self.folder / LOCKS / address
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except PermissionError:
            handle = os.open(path, os.O_RDONLY)  # another user's, which can be locked all the same
        try:
            self._share(path)
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def begin(self, address: str) -> Path:
        """The folder of an entry to be filled, made where it is missing."""
        part = self.part(address)
        part.mkdir(exist_ok=True)
        return part

    def share(self, address: str) -> None:
        """Let others go on with what is begun, if this process is killed."""
        for path in (self.part(address), *self.part(address).iterdir()):
            self._share(path)

    def finish(self, address: str, meta: dict[str, Any]) -> Path:
        """Move a filled entry into place; its data is on the disk before its name is there.

        Raises:
            OSError: It cannot be; the folder may be gone.
        """
        part, final = self.part(address), self.path(address)
        write_meta(part, meta)
        self.share(address)
        for file in part.iterdir():
            _flush(file)
        _flush(part)
        if final.exists():  # a damaged one: nobody fills what is there and whole
            _remove(final)
        os.rename(part, final)
        _flush(self.folder)
        return final

    def discard(self, address: str) -> None:
        """Remove an entry, finished or not, as far as this user may."""
        for path in (self.path(address), self.part(address)):
            with contextlib.suppress(OSError):
                _remove(path)

    def evict(self, address: str) -> bool:
        """Remove an entry unless a process reads it."""
        path = self.path(address)
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

    def entries(self) -> list[Entry]:
        """The finished entries, in no order."""
        found = []
        for path in self._folders(ENTRY):
            with contextlib.suppress(OSError, ValueError):
                what = parsed_meta((path / META).read_text())
                found.append(Entry(path.name, what, bytes_in(path), (path / META).stat().st_mtime))
        return found

    def left_over(self, entries: Iterable[Entry] | None = None) -> list[Path]:
        """What is begun, what is half removed, and entries that are none without their meta.json.

        Args:
            entries: The finished ones, where they have been read just now.
        """
        whole = {entry.address for entry in (self.entries() if entries is None else entries)}
        broken = [path for path in self._folders(ENTRY) if path.name not in whole]
        return [*self._folders(LEFT), *(path for path in broken if (path / data_file(0)).is_file())]

    def remains(self, entries: Iterable[Entry] | None = None) -> list[Remains]:
        """What `left_over` gives, with what is told of it."""
        return [
            Remains(path, bytes_in(path), path.suffix == PART and not self._is_free(path.stem))
            for path in self.left_over(entries)
        ]

    def clear(self) -> int:
        """Remove every entry that nobody uses and all that is left over; give the bytes freed."""
        freed = sum(entry.size for entry in self.entries() if self.evict(entry.address))
        return freed + self.sweep(older_than=0)

    def sweep(self, older_than: float = ABANDONED, entries: Iterable[Entry] | None = None) -> int:
        """Remove what a killed process left and nobody came back to; give the bytes freed.

        Args:
            older_than: Seconds since somebody wrote there.
            entries: The finished ones, where they have been read just now.
        """
        freed = remove_left(self.folder)
        for left in self.left_over(entries):
            with contextlib.suppress(OSError):
                half_removed = left.suffix == ".gone"
                age = time.time() - left.stat().st_mtime
                if half_removed or (age >= older_than and self._is_free(left.name.removesuffix(PART))):
                    freed += bytes_in(left)
                    shutil.rmtree(left, ignore_errors=True)
        return freed

    def _folders(self, name: re.Pattern[str]) -> list[Path]:
        """Folders of such a name that hold nothing but what tlx writes."""
        with contextlib.suppress(OSError):
            named = [path for path in self.folder.iterdir() if name.fullmatch(path.name)]
            return [path for path in named if _is_ours(path)]
        return []

    def _is_free(self, address: str) -> bool:
        try:
            handle = os.open(self.folder / LOCKS / address, os.O_RDONLY)
        except FileNotFoundError:
            return True
        except OSError:  # not this user's to tell
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(handle)
        return True

    def _share(self, path: Path) -> None:
        """Let those who may use the folder use what is made in it, whatever this user's umask."""
        with contextlib.suppress(OSError):  # another user's
            wanted = self.folder.stat().st_mode & (0o777 if path.is_dir() else 0o666)
            if path.stat().st_mode & 0o777 != wanted:
                path.chmod(wanted)


def data_file(number: int) -> str:
    """The name of a column's file."""
    return f"{number}.bin"


def may(path: Path, mode: int) -> bool:
    """As `os.access`, of the user that this process acts for."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def bytes_in(folder: Path) -> int:
    """Bytes of the files of an entry, also where they are not written yet; 0 where it is gone."""
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in folder.iterdir())
    return 0


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return not path.is_symlink() and all(FILE.fullmatch(file.name) for file in path.iterdir())
    return False


def _remove(path: Path) -> None:
    """First out of sight, so that nobody opens half an entry."""
    gone = path.with_name(f"{path.name}.{os.getpid()}.gone")
    shutil.rmtree(gone, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
