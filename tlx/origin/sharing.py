"""What follows from the original network alone is computed by one run and found by those like it."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.cache.address import code_digest, preprocessing_digest, reading_digest, rooms_digest, split_key
from tlx.origin.origin import Origin

__all__ = ["share"]

COMPUTING = ("functional", "origin", "regularizers")
"""What of tlx has a part in the values, beside what reads samples and cuts networks."""


def share(
    origin: Origin,
    path: Path,
    what: str,
    samples: int | None,
    made_by: Mapping[str, Any],
    make: Callable[[Path], None],
) -> None:
    """Write a file that the original network and some samples determine, or copy that of another run.

    Two runs have it in common where all of this is alike: the whole original network, the samples with their
    original classes and their order, how they are read and batched, the code and the arithmetic, the number
    of ranks, and `made_by`.

    Args:
        origin: Of the run.
        path: Where, in the folder of the run.
        what: It is, for people.
        samples: How many are asked about, as `Origin.batches` takes it.
        made_by: What else it depends on, as plain values.
        make: Computes and writes it; every rank calls it.
    """
    shared = origin.shared
    if shared is None or not shared.is_on:
        make(path)
        return
    name = ""
    if origin.world.is_first:
        name = shared.address(file=path.name, made_by=dict(made_by), **_parts(origin, samples))
    shared.obtain(path, name, _words(origin, what, samples), make, origin.world)


def _parts(origin: Origin, samples: int | None) -> dict[str, Any]:
    """What the values depend on beside what they are, as plain values."""
    data, ids = origin.asked(samples)
    split, backbone = data.splits.train.subset(ids), origin.network.backbone
    return {
        "network": origin.digest,
        "code": code_digest(backbone),
        "backbone": str(backbone.recipe),
        "computing": rooms_digest(*COMPUTING),
        "preprocessing": preprocessing_digest(backbone.preprocessing),
        "reading": reading_digest(split, backbone.preprocessing),
        "samples": split_key(split),
        "positions": _digest(ids),
        "labels": None if origin.source is None else _digest(origin.labels(split)),
        "batch": data.eval_batch_size,
        "ranks": origin.world.size,
    }


def _words(origin: Origin, what: str, samples: int | None) -> dict[str, Any]:
    backbone = origin.network.backbone
    return {
        "of": what,
        "model": str(backbone.recipe.get("name") or backbone.recipe.get("_target_") or ""),
        "weights": backbone.weights,
        "split": "train" if origin.source is None else "source",
        "samples": len(origin.asked(samples)[1]),
    }


def _digest(numbers: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(numbers).data).hexdigest()
