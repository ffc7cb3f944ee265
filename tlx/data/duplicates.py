"""Samples whose bytes are in two splits."""

import logging
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from tlx.data.offers import offers
from tlx.data.warned import warn
from tlx.errors import DataError
from tlx.types import Splits

__all__ = [
    "Contents",
    "Duplicates",
    "check_between",
    "comparable",
    "copies_in",
    "duplicates_between",
    "duplicates_within",
    "report_duplicates",
]

Duplicates = Literal["error", "warn", "ignore"]

_SHOWN = 5
_log = logging.getLogger(__name__)


class Contents(Protocol):
    """A split whose samples can be compared byte by byte."""

    def __len__(self) -> int: ...

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each sample, shape (N,)."""
        ...

    def digest(self, index: int) -> bytes:
        """A hash of one sample's bytes."""
        ...

    def short_digests(self, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The first 64 bits of the hashes of several samples; perhaps remembered ones."""
        ...

    def name(self, index: int) -> str:
        """Where the sample comes from, for people."""
        ...


def comparable(split: object) -> TypeGuard[Contents]:
    """Whether the samples of a split can be compared byte by byte."""
    return offers(split, "sizes", "digest", "short_digests", "name")


def check_between(splits: Splits, mode: str) -> None:
    """Refuse samples whose exact bytes are in two splits, or say them.

    Args:
        splits: Splits whose samples can be compared.
        mode: "error", "warn" or "ignore".

    Raises:
        DataError: There are some, and `mode` is "error".
    """
    parts: dict[str, object] = {"train": splits.train, "val": splits.val, "test": splits.test}
    if mode != "ignore":
        compared = {word: part for word, part in parts.items() if comparable(part)}
        report_duplicates(duplicates_between(compared), mode)


def duplicates_between(parts: Mapping[str, Contents]) -> list[tuple[str, str]]:
    """Samples whose exact bytes are in two splits. Hashes only where sizes agree.

    Args:
        parts: Split name to its samples.

    Returns:
        Names of both samples of each pair, a pair for every sample after the first with the
        same bytes in another split.
    """
    words = list(parts)
    sizes = [parts[word].sizes for word in words]
    owners, indices, hashes = [], [], []
    for own, word in enumerate(words):
        others = [sizes[other] for other in range(len(words)) if other != own]
        shared = np.flatnonzero(np.isin(sizes[own], np.concatenate([*others, np.empty(0, dtype=np.int64)])))
        owners.append(np.full(len(shared), own, dtype=np.int8))
        indices.append(shared)
        hashes.append(parts[word].short_digests(shared))
    owner, index, value = np.concatenate(owners), np.concatenate(indices), np.concatenate(hashes)
    order = np.argsort(value, kind="stable")
    starts = np.flatnonzero(np.diff(value[order], prepend=~value[order[:1]]))
    first = order[np.repeat(starts, np.diff(starts, append=len(order)))]
    suspect = owner[first] != owner[order]
    pairs = []
    for at, later in zip(first[suspect], order[suspect], strict=True):
        (one, i), (other, j) = ((parts[words[owner[k]]], int(index[k])) for k in (at, later))
        if one.digest(i) == other.digest(j):
            pairs.append((int(later), (one.name(i), other.name(j))))
    return [names for _, names in sorted(pairs)]


def copies_in(split: Contents, others: Sequence[Contents]) -> NDArray[np.bool_]:
    """Which samples of a split have their exact bytes in other splits, (N,). Hashes only where sizes agree.

    Args:
        split: The samples.
        others: Where they may be as well.
    """
    sizes = np.concatenate([np.empty(0, dtype=np.int64), *(other.sizes for other in others)])
    suspects = np.flatnonzero(np.isin(split.sizes, sizes))
    looked_for = split.sizes[suspects]
    known = [other.short_digests(np.flatnonzero(np.isin(other.sizes, looked_for))) for other in others]
    found = np.zeros(len(split.sizes), dtype=bool)
    found[suspects] = np.isin(
        split.short_digests(suspects), np.concatenate([np.empty(0, dtype=np.uint64), *known])
    )
    return found


def duplicates_within(split: Contents) -> int:
    """Samples whose exact bytes an earlier one of the same split has. Hashes only where sizes agree.

    Args:
        split: Its samples can be compared.
    """
    _, inverse, shared = np.unique(split.sizes, return_inverse=True, return_counts=True)
    suspects = np.flatnonzero(shared[inverse] > 1)
    digests = split.short_digests(suspects)
    return len(digests) - len(np.unique(digests))


def report_duplicates(pairs: Sequence[tuple[str, str]], mode: str) -> None:
    """Say which samples are in two splits.

    Args:
        pairs: From `duplicates_between`.
        mode: "error", "warn" or "ignore".

    Raises:
        DataError: If `mode` is "error" and there are pairs.
    """
    if not pairs or mode == "ignore":
        return
    shown = "; ".join(f"{first} = {second}" for first, second in pairs[:_SHOWN])
    more = f"; and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    samples = "sample is" if len(pairs) == 1 else "samples are"
    what = f"{len(pairs)} {samples} in two splits, which flatters the figures: {shown}{more}"
    if mode == "error":
        raise DataError(what, fix="remove one of each pair, or data.duplicates=warn")
    warn(_log, f"{what}. Try: remove one of each pair, or data.duplicates=ignore")
