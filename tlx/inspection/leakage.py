"""Samples of validation and test that training holds as well: the same bytes, or nearly the same picture."""

from collections.abc import Mapping

from torch import Tensor

from tlx.data.duplicates import comparable, duplicates_between
from tlx.errors import bad_value
from tlx.functional.near_copies import near_copies
from tlx.inspection.finding import Finding
from tlx.types import Split, Splits

__all__ = ["leakage"]

SHOWN = 5
FIX = "a look at these pairs, and one of each removed; or splits by where the samples come from"


def leakage(features: Mapping[str, Tensor], splits: Splits) -> list[Finding]:
    """Look for samples of val and test that are in train, exactly or nearly.

    Nearly: by the features of a frozen backbone, see `tlx.functional.near_copies`, so that copies that were
    compressed anew, resized, trimmed or mirrored are found, and two shots of one scene at times. Whether such
    a pair is one too many is for people to say; therefore it is named.

    Measured on features of SqueezeNet 1.1 at 160 pixels with 40 copies of each kind: of photos (ants and
    bees, PACS) and cartoons 38 to 40 were found, whether compressed anew, resized, trimmed or mirrored, of
    drawings 33 to 38, and 10 to 13 of those mirrored. Of samples held out at random 0 of 153, 3 of 100, 3 of
    100 and 0 of 100 were named, most of them shots of one scene.

    Args:
        features: By split ("train", "val", "test"), rows in the order of the split, shape (N, D).
        splits: With as many samples.

    Raises:
        ConfigError: Rows and samples differ in number.
    """
    named = {"train": splits.train, "val": splits.val, "test": splits.test}
    parts = {name: split for name, split in named.items() if split is not None}
    for name, rows in features.items():
        if name not in parts or len(rows) != len(parts[name]):
            there = {known: len(part) for known, part in parts.items()}
            raise bad_value(f"features of {name}", tuple(rows.shape), f"a row for each sample of {there}")
    findings = []
    for name in ("val", "test"):
        if name in features:
            pair = {"train": parts["train"], name: parts[name]}
            compared = {word: each for word, each in pair.items() if comparable(each)}
            exact = duplicates_between(compared) if len(compared) > 1 else []
            findings += _exact(name, exact) if len(exact) else []
            findings.append(_nearly(name, features, pair, set(exact)))
    return findings


def _exact(name: str, pairs: list[tuple[str, str]]) -> list[Finding]:
    return [
        Finding("warn", f"{len(pairs)} of {name} have the very bytes of one of train: {_row(pairs)}", FIX)
    ]


def _nearly(
    name: str, features: Mapping[str, Tensor], pair: Mapping[str, Split], known: set[tuple[str, str]]
) -> Finding:
    train, other = features["train"], features[name]
    found = near_copies(train, other)
    if found is None:
        return Finding("ok", f"{len(train)} samples of train are too few to tell near copies by")
    order = found.nearness.argsort()
    named = [
        (pair["train"].name(int(row)), pair[name].name(int(query)))
        for query, row in zip(found.queries[order], found.rows[order], strict=True)
    ]
    pairs = [names for names in named if names not in known]
    if not pairs:
        return Finding("ok", f"{name}: none of {len(other):,} samples is nearly one of train")
    said = f"{len(pairs)} of {len(other):,} samples of {name} are nearly one of train, the nearest first"
    return Finding("warn", f"{said}: {_row(pairs)}", FIX)


def _row(pairs: list[tuple[str, str]]) -> str:
    more = f"; and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
    return "; ".join(f"{first} = {second}" for first, second in pairs[:SHOWN]) + more
