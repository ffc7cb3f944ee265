"""A large index costs flat arrays and no Python object for a sample."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

from scripts.bench.index import Synthetic, held_bytes, index, read
from tlx.data.datamodule import TransferData
from tlx.data.order import EpochBatches
from tlx.data.stratified import held_out

ROWS = 200_000


@pytest.fixture(scope="module")
def source():
    return Synthetic(ROWS)


def blocks():
    gc.collect()
    return sys.getallocatedblocks()


def test_an_index_is_its_paths_and_four_words_a_row(source):
    assert held_bytes(source.files) == ROWS * (28 + 4 * 8) + 8
    before = blocks()
    held = index(20_000)
    assert len(held) == 20_000
    assert blocks() - before < 200, "no object for a row"


def test_it_is_divided_drawn_from_and_read_in_little_memory(source):
    before = blocks()
    tracemalloc.start()
    data = TransferData(source, batch_size=256, per_class=10)
    splits = data.splits
    assert len({part.state() for part in (splits.val, splits.test)}) == 2
    batches = EpochBatches(len(source.files), 256, 0, position=lambda: 300)
    assert read(source.files, iter(batches), 10) > 2560 * len("/nowhere/")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(split) for split in splits[:3]] == [10_000, 20_000, 20_000]
    assert peak < 160 * ROWS
    assert blocks() - before < 10_000, "classes have names, samples have none"


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_other_labels_are_divided_in_little_memory(kind):
    values = np.random.default_rng(0).random((ROWS, 4), dtype=np.float32)
    labels = (values < 0.2).astype(np.uint8) if kind == "classes" else values
    tracemalloc.start()
    parts = held_out(labels, (0.1, 0.1), 0, ())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(map(len, parts)) == ROWS
    assert peak < 100 * ROWS


def test_a_resume_starts_where_the_run_stood_at_the_cost_of_one_order():
    batches = EpochBatches(ROWS, 256, 0, position=lambda: 500)
    tracemalloc.start()
    first = next(iter(batches))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(first) == 256
    assert peak < 33 * ROWS, "the words, the places and room to sort"
