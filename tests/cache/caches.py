"""A small run's cache, apart from a run."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from tests.faults.jobs import small_job
from tlx.assembly import build_network
from tlx.cache.frontier import FrontierCache
from tlx.cache.settings import CacheSettings
from tlx.plan import HEAD
from tlx.trainer import World

ALL = ("stem", "block0", "block1")


def cache_of(
    folder: Path,
    trains: tuple[str, ...] = (HEAD,),
    names: Mapping[str, str] | None = None,
    source: Any = None,
    **settings: Any,
) -> FrontierCache:
    """The cache of a small job whose network is frozen but for `trains`; what it says is in `said`."""
    kept = CacheSettings(**({"ram": 0.1, "disk": 0.1, "folder": str(folder)} | settings))
    torch.manual_seed(3)
    job = small_job(cache=kept, source=source)
    job.data.preprocessing = job.backbone.preprocessing
    network = build_network(job)
    network.freeze_except(trains)
    said: list[str] = []
    cache = FrontierCache(
        kept,
        network,
        job.data,
        World(),
        torch.device("cpu"),
        nullcontext,
        {"precision": "32-true"},
        said.append,
        names or {},
    )
    cache.__dict__["said"] = said
    return cache
