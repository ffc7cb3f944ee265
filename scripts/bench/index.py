"""Seconds and memory for an index of many samples: made, divided, drawn from, planned and read.

    python -m scripts.bench.index            ten million rows
    python -m scripts.bench.index 200000

No image exists: paths, labels, sizes and times are made up, as a source holds them once it has
found its files. Prints JSON; `peak_mb` is the process's highest resident memory during a step
beyond what it held before (Linux), `kept_mb` what the step leaves behind.
"""

import argparse
import ctypes
import itertools
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tlx.data.checks import check_splits
from tlx.data.datamodule import TransferData
from tlx.data.images import ImageFiles
from tlx.data.order import EpochBatches
from tlx.data.packed import PackedStrings
from tlx.data.stratified import few_shot, held_out
from tlx.strategies.auto import auto
from tlx.types import Splits, Targets

CLASSES, TAGS, BATCH, PER_CLASS = 1000, 20, 256, 10
MEGABYTE = 1e6


class Synthetic:
    """A source of images that do not exist."""

    kind, flip = "image", True

    def __init__(self, rows: int) -> None:
        self.files = index(rows)

    def splits(self, targets: Targets = "class") -> Splits:
        """Divided in three, as a folder of classes is."""
        classes = tuple(f"class{number:04d}" for number in range(CLASSES))
        parts = held_out(self.files.labels, (0.1, 0.1), 0, classes)
        train, val, test = (self.files.subset(part) for part in parts)
        return Splits(train, val, test, classes)

    def describe(self) -> dict[str, Any]:
        """Nothing that a recipe could build."""
        return {}


def index(rows: int) -> ImageFiles:
    """Rows of a folder of classes, each with a path of 28 characters."""
    labels = np.arange(rows, dtype=np.int64) % CLASSES
    paths = (f"class{row % CLASSES:04d}/image{row:09d}.jpg" for row in range(rows))
    sizes = np.arange(rows, dtype=np.int64) % 100_000
    return ImageFiles("/nowhere", PackedStrings.of(paths), labels, sizes, sizes + 1)


class Meter:
    """Runs steps and holds what each took."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float]] = {}

    def step(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives; its seconds and memory are held under `name`."""
        ctypes.CDLL(None).malloc_trim(0)  # else what a step before left free hides what this one takes
        before = self._resident("VmRSS", reset=True)
        start = time.perf_counter()
        made = make()
        seconds = time.perf_counter() - start
        self.steps[name] = {
            "seconds": round(seconds, 3),
            "peak_mb": round((self._resident("VmHWM") - before) / MEGABYTE, 1),
            "kept_mb": round((self._resident("VmRSS") - before) / MEGABYTE, 1),
        }
        return made

    @staticmethod
    def _resident(field: str, reset: bool = False) -> float:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
        return 1024.0 * int(found.group(1)) if found else float("nan")


def figures(rows: int) -> dict[str, Any]:
    """Every step on an index of so many rows."""
    meter = Meter()
    source = meter.step("pack paths and labels", lambda: Synthetic(rows))
    data = TransferData(source, BATCH)
    splits = meter.step("hold out val and test, check", lambda: data.splits)
    train = splits.train
    meter.step("state", source.files.state)
    meter.step("key of each file, for remembered checks", train.keys)
    counts = tuple(np.bincount(train.labels, minlength=CLASSES).tolist())
    plan = meter.step(
        "plan by the counts of classes", lambda: auto(("stem", "layer1", "layer2"), counts=counts)
    )
    few = meter.step(
        f"few-shot draw of {PER_CLASS} a class",
        lambda: train.subset(few_shot(train.labels, PER_CLASS, 0, splits.classes)),
    )
    half = np.arange(0, len(train), 2)
    meter.step("subset of every other sample", lambda: train.subset(half))
    check_splits(splits._replace(train=few))

    at = [0]
    batches = EpochBatches(len(train), BATCH, 0, position=lambda: at[0])
    reading = iter(batches)
    meter.step("start an epoch, its first batch", lambda: next(reading))
    meter.step("the next 1000 batches with paths and labels", lambda: read(train, reading, 1000))
    at[0] = len(batches) // 2
    meter.step("resume in the middle of the epoch, first batch", lambda: next(iter(batches)))

    tags = (np.random.default_rng(0).random((len(train), TAGS), dtype=np.float32) < 0.1).astype(np.uint8)
    meter.step(f"hold out, {TAGS} classes a sample", lambda: held_out(tags, (0.1, 0.1), 0, ()))
    numbers = np.random.default_rng(0).random((len(train), 1), dtype=np.float32)
    meter.step("hold out, a number a sample", lambda: held_out(numbers, (0.1, 0.1), 0, ()))
    return {
        "rows": rows,
        "train": len(train),
        "few": len(few),
        "plan": plan.note,
        "bytes_per_sample": held_bytes(source.files) / rows,
        "bytes_of_an_order_per_sample": 8,
        "steps": meter.steps,
    }


def held_bytes(files: ImageFiles) -> int:
    """What an index keeps for good: paths with their offsets, label, size and time."""
    blob, offsets = files._paths.digest_parts()
    arrays = (files.labels, files.sizes, files._times)
    return blob.nbytes + offsets.nbytes + sum(array.nbytes for array in arrays)


def read(files: ImageFiles, batches: Iterator[list[tuple[int, int]]], count: int) -> int:
    """Characters of the paths in some batches, plus their labels."""
    taken = itertools.islice(batches, count)
    return sum(len(files.name(i)) + int(files.labels[i]) for batch in taken for _, i in batch)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("rows", type=int, nargs="?", default=10_000_000)
    json.dump(figures(parser.parse_args().rows), sys.stdout, indent=1)
    print()
