"""What a run was started on, so that a resume on other data is noticed."""

import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tlx.checkpoint.durable import checkpoints, write_durably
from tlx.data.datamodule import TransferData
from tlx.errors import DataError
from tlx.types import Split
from tlx.withheld import withheld

__all__ = ["accept_data", "changed_data", "hold_data"]

NAME = "data.json"
SAMPLES = "data_samples.jsonl.gz"
"""A line for each sample: split, name, hash of its contents, label."""
BAD_FILES = "bad_files.txt"
SHOWN = 3


def hold_data(folder: Path, data: TransferData) -> None:
    """Write data.json at a run's start, and hold the data against it when the run goes on.

    Where files were left out because they cannot be used, bad_files.txt lists them, a path and
    a reason a line.

    Args:
        folder: The run directory.
        data: What is about to be trained on.

    Raises:
        DataError: The run has checkpoints that were made on other data.
    """
    if not checkpoints(folder / "checkpoints"):
        accept_data(folder, data)
        return
    told = changed_data(folder, data)
    if told:
        raise DataError(
            f"the data is not what the run was started on: {told}",
            where=str(folder),
            fix="the data as it was, tlx resume RUN allow_change=true, or a new run",
        )


def changed_data(folder: Path, data: TransferData) -> str:
    """How the data differs from what the run was started on, for people; empty where it does not.

    Raises:
        DataError: It has other classes, which the network was not made for.
    """
    path = folder / NAME
    if not path.is_file():
        return ""
    held = json.loads(path.read_text(encoding="utf-8"))
    if held.get("classes", list(data.classes)) != list(data.classes):
        raise DataError(
            f"the data is not what the run was started on: it had the classes {_few(held['classes'])}, "
            f"now {_few(data.classes)}",
            where=str(folder),
            fix="the data as it was, or a new run",
        )
    if held["fingerprint"] == data.fingerprint():
        return ""
    counts = f"it had {_told(held['samples'])}, now {_told(_samples(data))}"
    return "; ".join([counts, *_differing(folder / SAMPLES, data)])


def accept_data(folder: Path, data: TransferData) -> None:
    """Write down the data as it is now: what the run goes on with."""
    lines = _lines(data)
    if lines:
        table = gzip.compress(lines, compresslevel=6, mtime=0)
        write_durably(folder / SAMPLES, lambda to: to.write_bytes(table))
    else:  # of a source that cannot tell its samples apart
        (folder / SAMPLES).unlink(missing_ok=True)
    found = {"fingerprint": data.fingerprint(), "samples": _samples(data), "classes": list(data.classes)}
    write_durably(folder / NAME, lambda to: to.write_text(json.dumps(found, indent=1), encoding="utf-8"))
    bad = folder / BAD_FILES
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
        if hasattr(split, "entries"):
            for (name, digest), label in zip(split.entries(), split.labels, strict=True):
                yield [word, name, digest, label.tolist()]


def _differing(path: Path, data: TransferData) -> list[str]:
    """Which samples changed, are gone and are new; holds two words a sample, not its name."""
    if not path.is_file():
        return []
    keys, values = _hashed(data)
    seen = np.zeros(len(keys), dtype=bool)
    changed, gone, new = _Found("changed"), _Found("gone"), _Found("new")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            key, value = _words(row)
            at = int(np.searchsorted(keys, key))
            if at < len(keys) and keys[at] == key:
                seen[at] = True
                changed.add(row, values[at] != value)
            else:
                gone.add(row)
    for row in _rows(data) if not seen.all() else ():
        new.add(row, not seen[np.searchsorted(keys, _words(row)[0])])
    return [found.told() for found in (changed, gone, new) if found.count]


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
