"""What a run was started on, so that a resume on other data is noticed."""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.checkpoint.durable import write_durably
from tlx.data.datamodule import TransferData
from tlx.data.offers import offers
from tlx.errors import CheckpointError, DataError
from tlx.run.directory import read_json, shown
from tlx.types import Split
from tlx.withheld import withheld

__all__ = ["accept_data", "changed_data", "has_trained", "hold_data"]

RECORD = "{node}.json"
SAMPLES = "{node}_samples.jsonl.gz"
"""A line for each sample: split, name, hash of its contents, label."""
BAD_FILES = {"data": "bad_files.txt", "source": "source_bad_files.txt"}
SHOWN = 3
UNKNOWN = "the data cannot be compared with what the run was started on"
WAYS = "the data as it was, tlx resume RUN allow_change=true, or a new run"


def hold_data(folder: Path, data: TransferData) -> None:
    """Write data.json at a run's start, and hold the data against it when the run goes on.

    Where files were left out because they cannot be used, bad_files.txt lists them, a path and
    a reason a line. What the weights knew before has files of its own, source.json and so on.

    Args:
        folder: The run directory.
        data: What is about to be trained on.

    Raises:
        DataError: The run was begun on other data.
        CheckpointError: The run has checkpoints, and it cannot be told on which data they were made.
    """
    try:
        told = _changed(folder, data) if has_trained(folder) else None
    except CheckpointError as error:
        if has_trained(folder):
            raise CheckpointError(f"{error.what}, so {UNKNOWN}", fix=WAYS) from error
        told = None
    if told is None:
        accept_data(folder, data)
    elif told:
        raise DataError(
            f"the {data.node} is not what the run was started on: {told}", where=str(folder), fix=WAYS
        )


def changed_data(folder: Path, data: TransferData) -> str:
    """How the data differs from what the run was started on, for people; empty where it does not.

    Raises:
        DataError: It has other classes, which the network was not made for.
    """
    try:
        return _changed(folder, data)
    except CheckpointError as error:
        return f"{error.what}, so {UNKNOWN}" if has_trained(folder) else ""


def _changed(folder: Path, data: TransferData) -> str:
    held = _held(folder / RECORD.format(node=data.node))
    if held["classes"] != list(data.classes):
        raise DataError(
            f"the {data.node} is not what the run was started on: it had the classes "
            f"{_few(held['classes'])}, "
            f"now {_few(data.classes)}",
            where=str(folder),
            fix="the data as it was, or a new run",
        )
    if held["fingerprint"] == data.fingerprint():
        return ""
    counts = f"it had {_told(held['samples'])}, now {_told(_samples(data))}"
    return "; ".join([counts, *_differing(folder / SAMPLES.format(node=data.node), data)])


def _held(path: Path) -> dict[str, Any]:
    """What data.json holds.

    Raises:
        CheckpointError: It is missing, or not as it was written.
    """
    held = read_json(path)
    kinds = {"fingerprint": str, "samples": dict, "classes": list}
    if not all(isinstance(held.get(key), kind) for key, kind in kinds.items()):
        raise CheckpointError(f"{shown(path)} is not what tlx wrote there")
    return held


def has_trained(folder: Path) -> bool:
    """Whether there is or was a checkpoint: beside it lie weights, and a row is written before it."""
    metrics = folder / "metrics.csv"
    rows = metrics.read_bytes().count(b"\n") if metrics.is_file() else 0
    return rows > 1 or any(path.suffix != ".tmp" for path in (folder / "checkpoints").glob("*"))


def accept_data(folder: Path, data: TransferData) -> None:
    """Write down the data as it is now: what the run goes on with."""
    lines, samples = _lines(data), folder / SAMPLES.format(node=data.node)
    if lines:
        table = gzip.compress(lines, compresslevel=6, mtime=0)
        write_durably(samples, lambda to: to.write_bytes(table))
    else:  # of a source that cannot tell its samples apart
        samples.unlink(missing_ok=True)
    found = {"fingerprint": data.fingerprint(), "samples": _samples(data), "classes": list(data.classes)}
    record = folder / RECORD.format(node=data.node)
    write_durably(record, lambda to: to.write_text(json.dumps(found, indent=1), encoding="utf-8"))
    bad = folder / BAD_FILES[data.node]
    if data.skipped:
        listed = withheld("".join(f"{name}\t{' '.join(reason.split())}\n" for name, reason in data.skipped))
        write_durably(bad, lambda to: to.write_text(listed, encoding="utf-8", errors="surrogateescape"))
    else:
        bad.unlink(missing_ok=True)


def _lines(data: TransferData) -> bytes:
    text = io.StringIO()
    for row in _rows(data):
        text.write(json.dumps(row) + "\n")
    return withheld(text.getvalue()).encode()


def _rows(data: TransferData) -> Iterator[list[Any]]:
    for word, split in _splits(data).items():
        entries = getattr(split, "entries", None)
        if entries is not None and offers(split, "entries"):
            for (name, digest), label in zip(entries(), split.labels, strict=True):
                yield [word, name, digest, label.tolist()]


def _differing(path: Path, data: TransferData) -> list[str]:
    """Which samples changed, are gone and are new; holds two words a sample, not its name."""
    if not path.is_file():
        return []
    keys, values = _hashed(data)
    seen = np.zeros(len(keys), dtype=bool)
    changed, gone, new = _Found("changed"), _Found("gone"), _Found("new")
    try:
        for row in _recorded(path):
            key, value = _words(row)
            at = int(np.searchsorted(keys, key))
            if at < len(keys) and keys[at] == key:
                seen[at] = True
                changed.add(row, values[at] != value)
            else:
                gone.add(row)
    except (OSError, EOFError, ValueError, TypeError, IndexError, zlib.error, RecursionError):
        return [f"in what, nobody knows: {path.name} cannot be read"]
    for row in _rows(data) if not seen.all() else ():
        new.add(row, not seen[np.searchsorted(keys, _words(row)[0])])
    return [found.told() for found in (changed, gone, new) if found.count]


def _recorded(path: Path) -> Iterator[list[Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


class _Found:
    def __init__(self, what: str) -> None:
        self.what, self.count, self.names = what, 0, list[str]()

    def add(self, row: list[Any], really: Any = True) -> None:
        if not really:
            return
        self.count += 1
        if len(self.names) < SHOWN:
            self.names.append(f"{row[1]} ({row[0]})")

    def told(self) -> str:
        more = f" and {self.count - SHOWN} more" if self.count > SHOWN else ""
        return f"{self.what}: {', '.join(self.names)}{more}"


def _hashed(data: TransferData) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    pairs = np.fromiter((word for row in _rows(data) for word in _words(row)), dtype=np.uint64)
    keys, values = pairs[::2], pairs[1::2]
    order = np.argsort(keys, kind="stable")
    return keys[order], values[order]


def _words(row: list[Any]) -> tuple[np.uint64, np.uint64]:
    """A hash of where a sample is, and one of what it is."""
    where, what = (json.dumps(part).encode() for part in (row[:2], row[2:]))
    return _word(where), _word(what)


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little"))


def _splits(data: TransferData) -> dict[str, Split]:
    named = {"train": data.splits.train, "val": data.splits.val, "test": data.splits.test}
    return {name: split for name, split in named.items() if split is not None}


def _samples(data: TransferData) -> dict[str, int]:
    return {name: len(split) for name, split in _splits(data).items()}


def _told(samples: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in samples.items())


def _few(classes: Any) -> str:
    return ", ".join(list(classes)[:5]) + (" ..." if len(classes) > 5 else "")
