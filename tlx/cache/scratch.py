"""Folders of one's own on the disk of the cache, which go again, also after a kill."""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tlx.cache.settings import CacheSettings

__all__ = ["Scratch", "remove_left", "scratch_folder", "scratch_folders"]

PREFIX = "tlx-measure-"
NAMED = re.compile(rf"{PREFIX}[a-z0-9_]+")
LOCK = "lock"
"""The file in a folder that the process which uses it holds."""
INSIDE = "in"
UNLOCKED = 3600.0
"""Seconds after which a folder without such a file counts as left."""


class Scratch(NamedTuple):
    """A folder that is there."""

    path: Path
    size: int  # bytes
    is_held: bool  # by a process that lives


@contextlib.contextmanager
def scratch_folder(settings: CacheSettings) -> Iterator[Path]:
    """An empty folder for as long as it is needed; those of processes that are gone go first.

    Args:
        settings: Of the cache, in whose folder it lies; where nothing can be written there, it lies among
            the system's temporary files.
    """
    folder, handle = _placed(settings)
    try:
        (folder / INSIDE).mkdir()
        yield folder / INSIDE
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def scratch_folders(place: Path) -> list[Scratch]:
    """Those that lie in a folder, by name."""
    found = []
    with contextlib.suppress(OSError):
        named = [path for path in place.iterdir() if NAMED.fullmatch(path.name)]
        for path in sorted(named):
            if not path.is_symlink() and {file.name for file in path.iterdir()} <= {LOCK, INSIDE}:
                found.append(Scratch(path, _bytes(path), _is_held(path)))
    return found


def remove_left(place: Path) -> int:
    """Remove those in a folder that no process holds; give the bytes freed."""
    freed = 0
    for scratch in scratch_folders(place):
        if scratch.is_held:
            continue
        with contextlib.suppress(OSError), _locked(scratch.path):
            shutil.rmtree(scratch.path, ignore_errors=True)
            freed += 0 if scratch.path.exists() else scratch.size
    return freed


def _placed(settings: CacheSettings) -> tuple[Path, int]:
    if settings.disk > 0:
        with contextlib.suppress(OSError):
            settings.place.mkdir(parents=True, exist_ok=True)
            return _begun(settings.place)
    return _begun(Path(tempfile.gettempdir()))


def _begun(place: Path) -> tuple[Path, int]:
    """A folder, and the open file by which it is held.

    Raises:
        OSError: None can be made there.
    """
    remove_left(place)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # nobody took it for one that was left in between
            return folder, handle
        os.close(handle)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder that nobody holds.

    Raises:
        OSError: Somebody does, or it may not be asked.
    """
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        if time.time() - folder.stat().st_mtime < UNLOCKED:
            raise
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _is_held(folder: Path) -> bool:
    with contextlib.suppress(OSError), _locked(folder):
        return False
    return True


def _bytes(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += file.lstat().st_size if file.is_file() else 0
    return total
