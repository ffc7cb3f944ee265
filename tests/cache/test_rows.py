import fcntl
from pathlib import Path

import numpy as np
import pytest
import torch

from tlx.cache.layout import Layout
from tlx.cache.meta import META, write_meta
from tlx.cache.rows import file_hashes, open_rows
from tlx.cache.store import OFFSETS, data_file
from tlx.errors import CheckpointError

VALUES = {"inputs/input_ids": torch.tensor([[1, 2], [3, 0]]), "stage/0": torch.randn(2, 3)}
LAYOUT = Layout.of(VALUES, frozenset({"inputs/input_ids"}), 2, np.array([2, 1]))


@pytest.fixture
def entry(tmp_path):
    arrays = [np.zeros(LAYOUT.size(column), np.uint8) for column in LAYOUT.columns]
    LAYOUT.put(arrays, 0, VALUES)
    for number, array in enumerate(arrays):
        array.tofile(tmp_path / data_file(number))
    np.save(tmp_path / OFFSETS, LAYOUT.offsets)
    meta = {
        "what": {},
        "frontier": 2,
        "layout": LAYOUT.describe(),
        "has_offsets": True,
        "sha256": file_hashes(tmp_path, len(LAYOUT.columns)),
    }
    write_meta(tmp_path, meta)
    return tmp_path


@pytest.mark.parametrize("memory", [0, 10**6])
def test_an_entry_is_read_from_its_files_or_from_memory_alike(entry, memory):
    rows = open_rows(entry, memory)
    taken = rows.take(torch.tensor([1, 0]))
    assert (rows.frontier, len(rows)) == (2, 2)
    assert taken["inputs/input_ids"].tolist() == [[3, 0], [1, 2]]
    assert torch.equal(taken["stage/0"], VALUES["stage/0"][[1, 0]])


def test_what_is_in_memory_survives_its_files_and_what_is_mapped_is_held(entry):
    rows = open_rows(entry, 0)
    with (entry / META).open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    rows.release()
    with (entry / META).open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_is_released_takes_no_place_though_a_loader_refers_to_it(entry):
    rows = open_rows(entry, 0)
    with Path("/proc/self/maps").open() as maps:
        assert str(entry) in maps.read()
    rows.release()
    with Path("/proc/self/maps").open() as maps:
        assert str(entry) not in maps.read()


@pytest.mark.parametrize("name", [data_file(0), data_file(1), OFFSETS])
def test_one_flipped_bit_is_found(entry, name):
    content = bytearray((entry / name).read_bytes())
    content[-1] ^= 4
    (entry / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        open_rows(entry, 0)


@pytest.mark.parametrize("name", [META, data_file(0), OFFSETS])
def test_an_entry_that_lost_a_file_is_refused(entry, name):
    (entry / name).unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_rows(entry, 0)


def test_opening_counts_as_use(entry):
    import os

    os.utime(entry / META, (1, 1))
    open_rows(entry, 0)
    assert (entry / META).stat().st_mtime > 1e9
