"""Entries of a store that hold nothing of use."""

import hashlib
import os
from pathlib import Path

from tlx.cache.meta import META
from tlx.cache.store import Store

KB = 1000


def name(word: str) -> str:
    """An address."""
    return hashlib.sha256(word.encode()).hexdigest()[:32]


def filled(store: Store, address: str, size: int = KB, used: float | None = None) -> Path:
    """A finished entry."""
    part = store.begin(address)
    (part / "0.bin").write_bytes(b"x" * size)
    path = store.finish(address, {"what": {"split": address}})
    if used is not None:
        os.utime(path / META, (used, used))
    return path


def names(store: Store) -> set[str]:
    """The addresses of the finished entries."""
    return {entry.address for entry in store.entries()}
