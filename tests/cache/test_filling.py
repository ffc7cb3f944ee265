import numpy as np
import torch

from tlx.cache import filling
from tlx.cache.filling import Filling
from tlx.cache.layout import Layout
from tlx.cache.rows import file_hashes
from tlx.cache.store import data_file

VALUES = {"stage/0": torch.arange(12.0).reshape(6, 2)}
LAYOUT = Layout.of(VALUES, frozenset(), 6)


def part(first, count):
    return {"stage/0": VALUES["stage/0"][first : first + count]}


def test_what_is_filled_in_memory_is_read_at_once():
    made = Filling(1, LAYOUT, 3, None)
    for block in (2, 0, 1):
        made.put(block, 2 * block, part(2 * block, 2))
    made.flush()
    assert made.done.tolist() == [1, 1, 1]
    assert torch.equal(made.rows().take(torch.arange(6))["stage/0"], VALUES["stage/0"])


def test_a_process_that_comes_after_a_killed_one_finds_what_lasts(tmp_path):
    killed = Filling(1, LAYOUT, 3, tmp_path / "a.part")
    killed.put(1, 2, part(2, 2))
    killed.flush()
    killed.put(0, 0, part(0, 2))  # never flushed
    later = Filling(1, LAYOUT, 3, tmp_path / "a.part")
    assert later.done.tolist() == [0, 1, 0]
    assert later.rows().take(torch.tensor([2, 3]))["stage/0"].tolist() == [[4.0, 5.0], [6.0, 7.0]]


def test_the_data_lasts_before_the_note_that_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(filling, "SECONDS", 0.0)
    made = Filling(1, LAYOUT, 3, tmp_path / "a.part")
    made.put(0, 0, part(0, 2))
    assert np.fromfile(tmp_path / "a.part" / filling.DONE, np.uint8).tolist() == [1, 0, 0]
    assert np.fromfile(tmp_path / "a.part" / data_file(0), np.float32)[:4].tolist() == [0, 1, 2, 3]


def test_files_of_another_size_are_of_another_attempt_and_are_made_anew(tmp_path):
    other = Filling(1, Layout.of(VALUES, frozenset(), 3), 3, tmp_path / "a.part")
    other.put(0, 0, part(0, 2))
    other.flush()
    assert Filling(1, LAYOUT, 3, tmp_path / "a.part").done.tolist() == [0, 0, 0]


def test_a_finished_entry_keeps_no_notes(tmp_path):
    made = Filling(1, LAYOUT, 3, tmp_path / "a.part")
    assert made.hashes() == file_hashes(tmp_path / "a.part", 1)
    assert sorted(path.name for path in (tmp_path / "a.part").iterdir()) == [data_file(0)]
