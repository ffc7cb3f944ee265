"""The gain on corrupted images: whether what was known also makes a network harder to mislead."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tlx.cache.address import address, split_key
from tlx.checkpoint.bundle import read_meta
from tlx.checkpoint.durable import is_whole, write_durably
from tlx.data.corrupted import Corrupted, CorruptedSplit, Recipe
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError, bad_value, unknown_name
from tlx.functional.corruptions import CORRUPTIONS, SEVERITIES
from tlx.inference import BUNDLE, split_of
from tlx.protocols.comparison.arms import Finished
from tlx.protocols.comparison.measured import Measured
from tlx.types import Source, Split

__all__ = ["Corruptions", "check_corruptible", "corruption_names", "kept_worths", "on_corrupted"]

ALL = "all"

LOOKED_AT = 8
"""Images by which it is told whether a corruption changes them."""

LEAST = 1.0
"""Of 255 grey levels: below this mean change of a pixel an image counts as unchanged."""


@dataclass(frozen=True)
class Corruptions:
    """The gain on corrupted images, by networks that were trained on clean ones.

    Args:
        severity: From 1, mild, to 5.
        each: The gain by each corruption.
        mean: That of the mean over the corruptions that change the images, sample by sample; over all of them
            where none does.
        unchanged: Corruptions by which pixels change by less than a grey level on average: the images are
            too small for them, or have no colours.
    """

    severity: int
    each: tuple[Measured, ...]
    mean: Measured
    unchanged: tuple[str, ...]


def corruption_names(given: Any, severity: int) -> tuple[str, ...]:
    """The corruptions that were asked for.

    Args:
        given: A list of names, a name, or `all`.
        severity: How severe.

    Raises:
        ConfigError: One does not exist or is asked for twice, or the severity does not exist.
    """
    if severity not in SEVERITIES:
        raise bad_value("gain.severity", severity, "a whole number from 1, mild, to 5")
    if given == ALL:
        return CORRUPTIONS
    if not isinstance(given, str | list | tuple):
        raise bad_value("gain.corruptions", given, "names, or all", "gain.corruptions=[gaussian_noise]")
    names = (given,) if isinstance(given, str) else tuple(map(str, given))
    unknown = next((name for name in names if name not in CORRUPTIONS), None)
    if unknown is not None:
        raise unknown_name("corruption", unknown, [*CORRUPTIONS, ALL])
    if len(set(names)) < len(names):
        raise bad_value("gain.corruptions", list(names), "different names")
    return names


def check_corruptible(source: Source, split: Split, names: Sequence[str], severity: int) -> None:
    """Refuse, before anything trains, samples that cannot be corrupted.

    Args:
        source: Where they come from.
        split: Those that are reported; the first one is read.
        names: Corruptions.
        severity: How severe.

    Raises:
        ConfigError: They are texts.
        DataError: Their pixels are of another kind than eight bits of grey or RGB.
    """
    if not names:
        return
    if source.kind != "image":
        raise ConfigError(
            f"gain.corruptions are of images, and the data is {source.kind}", fix="gain.corruptions=[]"
        )
    CorruptedSplit(split, Recipe(names[0], severity)).read(0)


def on_corrupted(
    names: Sequence[str],
    severity: int,
    reported_on: str,
    clean: Callable[[], TransferData],
    asked: Callable[[str, TransferData], tuple[Tensor, Tensor]],
    compare: Callable[[str, Tensor, Tensor], Measured],
) -> Corruptions | None:
    """The gain by each corruption, and that of their mean; None without a corruption.

    Args:
        names: Corruptions.
        severity: How severe.
        reported_on: `test`, or `val` where there is no test split.
        clean: The data as networks learnt from it, anew at each call.
        asked: Of a corruption and data whose reported split is corrupted: what each answer of each run is
            worth, two tables of shape (R, N), with transfer and from scratch.
        compare: The gain of a name and two such tables.
    """
    each, unchanged = list[Measured](), list[str]()
    tables: dict[str, tuple[Tensor, Tensor]] = {}
    for name in names:
        data = clean()
        data.source = Corrupted(data.source, name, severity)
        if _change(split_of(data, reported_on)) < LEAST:
            unchanged.append(name)
        tables[name] = asked(name, data)
        each.append(compare(name, *tables[name]))
    if not each:
        return None
    counted = [tables[name] for name in names if name not in unchanged] or [*tables.values()]
    with_transfer, without = (torch.stack(arm).mean(0) for arm in zip(*counted, strict=True))
    return Corruptions(severity, tuple(each), compare("mean", with_transfer, without), tuple(unchanged))


def _change(split: Split) -> float:
    """The mean change of a pixel of the first images."""
    if not isinstance(split, CorruptedSplit):
        return 0.0
    return fmean(split.change(index) for index in range(min(LOOKED_AT, len(split))))


def kept_worths(
    folder: Path, name: str, runs: Sequence[Finished], split: Split, ask: Callable[[], Tensor]
) -> Tensor:
    """What answers are worth, asked once of the same networks and samples, also after a kill.

    Args:
        folder: Where it is kept.
        name: Of the file, for people.
        runs: Of the networks.
        split: The samples.
        ask: Gives the table, shape (R, N), float64.
    """
    weights = [read_meta(run.folder / BUNDLE)["weights_sha256"] for run in runs]
    path = folder / f"{name}-{address(weights=weights, samples=split_key(split))}.npy"
    if is_whole(path):
        return torch.from_numpy(np.load(path, allow_pickle=False))
    table = ask()

    def write(to: Path) -> None:
        with to.open("wb") as file:
            np.save(file, table.numpy(), allow_pickle=False)

    write_durably(path, write, sidecar=True)
    return table
