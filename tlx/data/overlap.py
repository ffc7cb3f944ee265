"""Which samples a run was made with, so that none of them is scored as a new one."""

import logging
import os
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tlx.data.duplicates import comparable
from tlx.errors import DataError
from tlx.types import Split, Splits

__all__ = ["Overlap", "check_overlap", "sample_hashes", "write_samples"]

Overlap = Literal["refuse", "allow"]

KNOWN = {"train": (), "val": ("train",), "test": ("train", "val")}
"""What a split must not share samples with: what chose the epoch is not new either."""

_log = logging.getLogger(__name__)


def write_samples(path: Path, splits: Splits) -> None:
    """Write down which samples train and val hold: a sorted array of 64-bit hashes of each.

    Nothing is written of samples that cannot be compared.

    Args:
        path: The file, 8 bytes a sample.
        splits: What a run was made with.
    """
    found = {"train": sample_hashes(splits.train), "val": sample_hashes(splits.val)}
    hashes = {name: np.sort(values) for name, values in found.items() if values is not None}
    if len(hashes) < len(found):
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **hashes)
    os.replace(temporary, path)


def check_overlap(path: Path, split: Split, name: str, mode: str) -> None:
    """Hold a split that is about to be scored against what the run trained and was chosen on.

    Args:
        path: What `write_samples` wrote.
        split: The samples.
        name: What they are scored as: train, val or test.
        mode: "refuse", or "allow" which only says them.

    Raises:
        DataError: There are some, and `mode` is "refuse".
    """
    if not KNOWN[name]:
        return
    found = sample_hashes(split)
    if not path.is_file() or found is None:
        _log.warning("it is not known which samples of the %s split the run was trained on", name)
        return
    with np.load(path, allow_pickle=False) as held:
        shared = int(np.isin(found, np.concatenate([held[part] for part in KNOWN[name]])).sum())
    if not shared:
        return
    chosen = " or chosen" if "val" in KNOWN[name] else ""
    what = (
        f"{shared} of the {len(split)} samples of the {name} split are among those that the run was "
        f"trained{chosen} on, which flatters the figures"
    )
    if mode == "refuse":
        raise DataError(what, fix="other samples, or overlap=allow to score them all the same")
    _log.warning("%s", what)


def sample_hashes(split: Split) -> NDArray[np.uint64] | None:
    """A 64-bit hash of what each sample holds, shape (N,); None where there are no bytes to compare.

    Splits that say so themselves by `hashes()` need not read all that a sample holds.

    Args:
        split: The samples.

    Raises:
        DataError: A file cannot be read.
    """
    if hasattr(split, "hashes"):
        found: NDArray[np.uint64] | None = split.hashes()
        return found
    return split.short_digests(np.arange(len(split))) if comparable(split) else None
