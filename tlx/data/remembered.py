"""What checks of files found, kept on this machine so that only changed files are looked at again."""

import hashlib
import logging
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Remembered", "remember", "remembered"]

_log = logging.getLogger(__name__)


def remembered(*key: str) -> bool:
    """Whether a check with this key came out well before, on this machine."""
    return _place("checked", key).exists()


def remember(*key: str) -> None:
    """Note that a check came out well; where nothing can be written it is made again next time."""
    try:
        _place("checked", key).parent.mkdir(parents=True, exist_ok=True)
        _place("checked", key).touch()
    except OSError:
        _log.debug("cannot write %s", _place("checked", key))


class Remembered:
    """A 64-bit value for each file, found again as long as the file does not change.

    A file is known by a 64-bit hash of its path, size and time of change, so a changed one is
    simply not known. A million files are 16 MB in the cache folder; its old entries stay. What
    cannot be read or written there is looked at again next time.

    Args:
        *key: What the values are and of which folder; one table in the cache for each.
    """

    def __init__(self, *key: str) -> None:
        self._path = _place("files", key).with_suffix(".npy")

    def known(self, files: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
        """Which files are known, and their values, 0 where not; both of shape (N,).

        Args:
            files: The hashes, shape (N,).
        """
        table = self._table()
        at = np.searchsorted(table[0], files)
        at[at == table.shape[1]] = 0
        found = table[0][at] == files if table.shape[1] else np.zeros(len(files), dtype=bool)
        values = np.zeros(len(files), dtype=np.uint64)
        values[found] = table[1][at[found]]
        return found, values

    def add(self, files: NDArray[np.uint64], values: NDArray[np.uint64]) -> None:
        """Write the table anew, with these files besides those it has.

        Args:
            files: The hashes, shape (N,).
            values: Shape (N,).
        """
        before = self._table()
        merged, at = np.unique(np.concatenate([files, before[0]]), return_index=True)
        table = np.stack([merged, np.concatenate([values, before[1]])[at]])
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as file:
                np.save(file, table, allow_pickle=False)
            os.replace(file.name, self._path)
        except OSError:
            _log.debug("cannot write %s", self._path)

    def _table(self) -> NDArray[np.uint64]:
        try:
            table = np.load(self._path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            table = None
        if table is None or table.dtype != np.uint64 or table.ndim != 2 or len(table) != 2:
            return np.empty((2, 0), dtype=np.uint64)
        return np.asarray(table)


def _place(room: str, key: tuple[str, ...]) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    name = hashlib.sha256("\0".join(key).encode("utf-8", "surrogateescape")).hexdigest()
    return Path(cache, "tlx", room, name)
