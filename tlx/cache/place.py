"""Whether the folder of the cache can ever hold anything, told before anything is computed."""

import os

from tlx.cache.settings import CacheSettings
from tlx.cache.store import LOCKS, Store, may
from tlx.errors import ConfigError

__all__ = ["check_place", "named_place", "obstacle"]

ENTER_AND_WRITE = os.W_OK | os.X_OK


def obstacle(settings: CacheSettings) -> str:
    """Why the folder can never hold anything; empty where it may, or where nothing is to be written.

    Nothing is made by asking. A folder that can only be read, and holds something, is of use.

    Args:
        settings: Of the cache.
    """
    if not settings.budget:
        return ""
    folder = settings.place
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if there.is_file():
        return f"{there} is a file"
    if not there.is_dir():
        return f"{there} leads to no folder"
    locks = folder / LOCKS
    if os.path.lexists(locks) and not locks.is_dir():
        return f"{locks} is no folder"
    if may(there, ENTER_AND_WRITE):
        return ""
    if there != folder:
        return f"it cannot be made, for {there} cannot be written to"
    return "" if Store(folder, settings.budget).entries() else "it cannot be written to"


def check_place(settings: CacheSettings, processes: int = 1) -> None:
    """Refuse a folder that can never hold anything where no memory stands in for it, as of cache=disk.

    Args:
        settings: Of the cache.
        processes: That will share the machine; of several none holds values in memory.

    Raises:
        ConfigError: There is no place for anything.
    """
    why = obstacle(settings)
    if not why or (settings.memory and processes == 1):
        return
    no_place = f"cache.ram={settings.ram:g} GiB leave no other place"
    if processes > 1:
        no_place = f"{processes} processes of a machine hold nothing in memory"
    raise ConfigError(
        f"{named_place(settings)} cannot be used: {why}; and {no_place} for the frozen part",
        fix="cache.folder=FOLDER, "
        + ("" if processes > 1 else "cache=auto, which holds it in memory, ")
        + "or cache=none",
    )


def named_place(settings: CacheSettings) -> str:
    """The folder, and the key that says where it is."""
    return f"cache.folder={'null, which is ' if settings.folder is None else ''}{settings.place}"
