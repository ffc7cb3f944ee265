"""Which process trains a run: a lock that the system lets go of however that process ends."""

import contextlib
import errno
import fcntl
import itertools
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["LOCK", "acquire", "alive", "holder_of", "lock_to_inherit", "release"]

LOCK = ".lock"
"""The file in a run directory that is locked while a process trains the run."""

HELD = (errno.EWOULDBLOCK, errno.EACCES)
"""What a file system with locks says of one that somebody has."""

LOOKS = 3
"""Times that a lock is tried again: somebody may only have looked at it."""

_held: dict[Path, int] = {}
"""Runs that this process trains, each with the descriptor of its lock."""


def acquire(run: Path) -> dict[str, Any] | None:
    """Lock a run for this process, unless it holds the lock already.

    On a file system without locks nothing is held.

    Args:
        run: Its directory; made where it is missing.

    Returns:
        None, or the pid and host of the other process that holds it (empty where unknown).
    """
    if run.resolve() in _held:
        return None
    run.mkdir(parents=True, exist_ok=True)
    path = run / LOCK
    for patience in itertools.count():
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno not in HELD:
                return None
            if patience >= LOOKS:
                return _holder(path)
            time.sleep(0.1)
            continue
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock).st_ino:
                break
        os.close(lock)  # its last holder removed the file meanwhile
    _held[run.resolve()] = lock
    os.ftruncate(lock, 0)
    os.write(lock, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
    return None


def holder_of(run: Path) -> dict[str, Any] | None:
    """Which other process trains a run, as its lock tells.

    Returns:
        Its pid and host as far as they are known, an empty mapping where no other process has it, and
        None where there is no lock to tell.
    """
    if run.resolve() in _held:
        return {}
    try:
        lock = os.open(run / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return (_holder(run / LOCK) or {"pid": "unknown"}) if error.errno in HELD else None
    finally:
        os.close(lock)
    return {}


def release(run: Path) -> None:
    """Let go of a run; one that is not held stays as it is."""
    lock = _held.pop(run.resolve(), None)
    if lock is not None:
        with contextlib.suppress(OSError):
            (run / LOCK).unlink(missing_ok=True)
        os.close(lock)


@contextlib.contextmanager
def lock_to_inherit(run: Path) -> Iterator[tuple[int, ...]]:
    """The lock of a held run as descriptors for a child, which holds it too as long as it lives."""
    lock = _held.get(run.resolve())
    if lock is None:
        yield ()
        return
    copy = os.dup(lock)  # the original is closed in every copy of this process
    try:
        yield (copy,)
    finally:
        os.close(copy)


def _holder(path: Path) -> dict[str, Any]:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _forget() -> None:
    """A loading process that outlives its killed run for a moment must not hold the lock."""
    for lock in _held.values():
        os.close(lock)
    _held.clear()


os.register_at_fork(after_in_child=_forget)


def alive(pid: int) -> bool:
    """Whether a process lives and is a Python; a number that something else reuses does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    command = Path(f"/proc/{pid}/cmdline")
    try:
        return b"python" in command.read_bytes() or b"tlx" in command.read_bytes()
    except OSError:
        return not Path("/proc/self").exists()
