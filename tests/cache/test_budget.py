import errno
import os
import time

from hypothesis import given
from hypothesis import strategies as st

from tests.cache.entries import KB, filled, name, names
from tlx.cache import budget
from tlx.cache.budget import BUDGET, Protected, Room, allocate, placed
from tlx.cache.store import Store

A, B, C, NEXT = (name(word) for word in ("a", "b", "c", "next"))
FREE = Protected()


def files(size):
    return lambda folder: allocate(folder / "0.bin", size, anew=True)


def reserve(store, address, size, protected=FREE):
    return Room(store).reserve(address, size, files(size), protected)


def test_what_was_used_longest_ago_goes_first_and_only_as_much_as_is_needed(store):
    for address, used in ((A, 1000), (B, 500), (C, 2000)):
        filled(store, address, 2 * KB, used)
    assert reserve(store, NEXT, 4 * KB) == ""
    assert names(store) == {A, C}


def test_nothing_goes_for_what_can_never_fit(store):
    filled(store, A, 3 * KB)
    assert reserve(store, NEXT, 11 * KB) == BUDGET
    assert names(store) == {A}
    assert not store.part(NEXT).exists()


def test_what_is_granted_is_gone_for_the_next_one_before_a_byte_is_written(store):
    """Also where the next one is another process."""
    assert reserve(store, A, 6 * KB) == ""
    assert reserve(store, B, 6 * KB) == BUDGET
    assert reserve(Store(store.folder, 10 * KB), B, 6 * KB) == BUDGET
    assert reserve(store, B, 4 * KB) == ""
    blocks = sum((store.part(each) / "0.bin").stat().st_blocks for each in (A, B))
    assert blocks * 512 >= 10 * KB


def test_what_is_needed_now_never_goes_and_what_is_needed_later_goes_last(store):
    for address, used in ((A, 1), (B, 2), (C, 3)):
        filled(store, address, 2 * KB, used)
    assert reserve(store, NEXT, 5 * KB, Protected(now={A, NEXT}, later={B})) == ""
    assert names(store) == {A, B}
    store.discard(NEXT)
    assert reserve(store, NEXT, 6 * KB, Protected(now={A, NEXT}, later={B})) == ""
    assert names(store) == {A}
    store.discard(NEXT)
    assert reserve(store, NEXT, 9 * KB, Protected(now={A, NEXT})) == BUDGET


def test_nothing_that_is_needed_later_goes_for_another_of_its_kind(store):
    filled(store, A, 6 * KB)
    assert reserve(store, NEXT, 6 * KB, Protected(later={A, NEXT})) == BUDGET
    assert names(store) == {A}


def test_what_a_killed_process_began_counts_as_there_for_itself_and_as_taken_for_others(store):
    part = store.begin(A)
    (part / "0.bin").write_bytes(b"x" * 6 * KB)
    assert reserve(store, A, 8 * KB) == ""
    assert reserve(store, B, 8 * KB) == BUDGET


def test_what_nobody_came_back_to_goes_after_a_week(store):
    part = store.begin(A)
    (part / "0.bin").write_bytes(b"x" * 6 * KB)
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(part, (long_ago, long_ago))
    with store.locked(A):
        assert reserve(store, B, 8 * KB) == BUDGET
    assert reserve(store, B, 8 * KB) == ""
    assert not part.exists()


def test_an_entry_without_its_meta_counts_as_taken(store):
    (filled(store, A, 6 * KB) / "meta.json").unlink()
    assert reserve(store, B, 8 * KB) == BUDGET


def test_what_a_killed_process_began_is_gone_on_with_by_whoever_may_write_to_the_folder(store):
    store.folder.chmod(0o777)
    assert reserve(store, A, 3 * KB) == ""
    assert store.part(A).stat().st_mode & 0o777 == 0o777
    assert (store.part(A) / "0.bin").stat().st_mode & 0o777 == 0o666


def test_a_full_disk_is_named_as_the_reason_and_leaves_nothing(store, monkeypatch):
    def full(handle, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert "No space left" in reserve(store, A, KB)
    assert not store.part(A).exists()


def test_the_share_of_the_disk_that_stays_free_is_named_as_the_reason(store, monkeypatch):
    monkeypatch.setattr(budget, "SPARE", 1.0)
    assert "the disk of" in reserve(store, A, KB)
    assert Room(store).most() == 0


def test_a_file_has_a_place_for_every_byte(tmp_path, monkeypatch):
    path = tmp_path / "file"
    allocate(path, 5 * KB, anew=False)
    path.write_bytes(b"x" * 5 * KB)
    allocate(path, 5 * KB, anew=False)
    assert path.read_bytes() == b"x" * 5 * KB

    def unsupported(handle, offset, size):
        raise OSError(errno.EOPNOTSUPP, "not on this file system")

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    allocate(path, 5 * KB, anew=False)
    assert path.read_bytes() == b"x" * 5 * KB
    allocate(path, 3 * 2**20 + 5, anew=True)
    assert path.read_bytes() == bytes(3 * 2**20 + 5)
    assert path.stat().st_blocks * 512 >= 3 * 2**20


def test_a_run_may_take_what_is_free_and_what_it_may_evict_and_never_more_than_the_budget(store, tmp_path):
    assert Room(store).most() == 10 * KB
    assert Room(Store(tmp_path / "not" / "there", 10 * KB)).most() == 10 * KB
    assert not (tmp_path / "not").exists()
    assert Room(Store(tmp_path / "features", 0)).most() == 0
    (tmp_path / "file").write_text("")
    assert Room(Store(tmp_path / "file" / "features", KB)).most() == 0


@given(
    st.lists(st.dictionaries(st.text("abc"), st.integers(0, 9), max_size=3), min_size=1, max_size=4),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_what_is_placed_is_within_both_budgets_and_what_comes_first_goes_first(sizes, disk, memory):
    levels = [{f"{n}{key}": size for key, size in level.items()} for n, level in enumerate(sizes)]
    every = {key: size for level in levels for key, size in level.items()}
    found = placed(levels, disk, memory)
    for where, most in (("disk", disk), ("memory", memory)):
        assert sum(every[key] for key, place in found.items() if place == where) <= most
    assert placed(levels[:1], disk, memory).items() <= found.items()
    first = next(iter(every), None)
    assert first is None or first in found or every[first] > max(disk, memory) or not levels[0]
