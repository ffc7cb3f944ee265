"""Whether the cache of a config has a place, looked at before a run has a directory."""

from collections.abc import Iterable, Mapping
from typing import Any

from tlx.cache.place import check_place
from tlx.composition import resolve
from tlx.composition.trust import importable
from tlx.recipe import build

__all__ = ["check_cache"]


def check_cache(saved: Mapping[str, Any], trust: Iterable[str] = ()) -> None:
    """Refuse a folder that can never hold anything where no memory stands in for it.

    Args:
        saved: A complete config of a job that could be built; one of before there was a cache has none.
        trust: Packages whose callables it may name.

    Raises:
        ConfigError: Nothing of the frozen part could be kept.
    """
    plain = resolve.resolved(saved)
    node, devices = plain.get("cache"), plain.get("trainer", {}).get("devices", 1)
    if node is not None:
        check_place(build(node, importable(trust)), devices if isinstance(devices, int) else 1)
