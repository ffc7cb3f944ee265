import fcntl
import multiprocessing
import os
import time

import pytest

from tlx.cache.store import META, Store

KB = 1000


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "features", 10 * KB)
    assert made.is_usable()
    return made


def filled(store, address, size=KB, used=None):
    part = store.part(address)
    part.mkdir()
    (part / "0.bin").write_bytes(b"x" * size)
    path = store.finish(address, {"what": {"split": address}})
    if used is not None:
        os.utime(path / META, (used, used))
    return path


def names(store):
    return {entry.address for entry in store.entries()}


def test_an_entry_is_there_once_it_is_finished_and_not_before(store):
    store.part("a").mkdir()
    (store.part("a") / META).write_text("{}")
    assert names(store) == set()
    (store.part("a") / META).unlink()
    (store.part("a")).rmdir()
    filled(store, "a")
    [entry] = store.entries()
    assert (entry.address, entry.what["what"]) == ("a", {"split": "a"})
    assert KB < entry.size < 2 * KB
    assert not store.part("a").exists()


def test_what_was_used_longest_ago_goes_first_and_only_as_much_as_is_needed(store):
    for address, used in (("old", 1000), ("older", 500), ("new", 2000)):
        filled(store, address, 3 * KB, used)
    assert store.make_room(3 * KB, "next")
    assert names(store) == {"old", "new"}


def test_nothing_goes_for_what_can_never_fit(store):
    filled(store, "a", 3 * KB)
    assert not store.make_room(11 * KB, "next")
    assert names(store) == {"a"}


def test_what_is_being_read_stays(store):
    path = filled(store, "read", 6 * KB, used=1)
    with (path / META).open() as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        assert not store.make_room(6 * KB, "next")
        assert store.clear() == 0
        assert names(store) == {"read"}
    assert store.make_room(6 * KB, "next")
    assert names(store) == set()


def test_what_a_killed_process_began_counts_as_there_for_itself_and_as_taken_for_others(store):
    part = store.part("a")
    part.mkdir()
    (part / "0.bin").write_bytes(b"x" * 6 * KB)
    assert store.make_room(8 * KB, "a")
    assert not store.make_room(8 * KB, "b")


def test_what_nobody_came_back_to_goes_after_a_week(store):
    part = store.part("a")
    part.mkdir()
    (part / "0.bin").write_bytes(b"x" * 6 * KB)
    long_ago = time.time() - 8 * 24 * 3600
    os.utime(part, (long_ago, long_ago))
    with store.locked("a"):
        assert not store.make_room(8 * KB, "b")
    assert store.make_room(8 * KB, "b")
    assert not part.exists()


def test_clearing_leaves_nothing_and_says_how_much_that_was(store):
    filled(store, "a", 3 * KB)
    store.part("b").mkdir()
    (store.part("b") / "0.bin").write_bytes(b"x" * KB)
    assert 4 * KB <= store.clear() < 5 * KB
    assert names(store) == set()
    assert not store.part("b").exists()


def test_a_folder_that_cannot_be_made_or_that_may_hold_nothing_is_not_usable(tmp_path):
    (tmp_path / "file").write_text("")
    assert not Store(tmp_path / "file" / "features", KB).is_usable()
    assert not Store(tmp_path / "features", 0).is_usable()


def waits(folder, held, seconds):
    held.wait(30)
    began = time.monotonic()
    with Store(folder, KB).locked("a"):
        seconds.value = time.monotonic() - began


def test_a_second_process_waits_for_the_one_that_fills(store):
    context = multiprocessing.get_context("fork")
    held, seconds = context.Event(), context.Value("d", 0.0)
    other = context.Process(target=waits, args=(store.folder, held, seconds))
    other.start()
    with store.locked("a"):
        held.set()
        time.sleep(0.3)
        assert other.is_alive()
    other.join(30)
    assert seconds.value >= 0.2


def test_discarding_takes_the_finished_and_the_begun(store):
    filled(store, "a")
    store.part("a").mkdir()
    store.discard("a")
    assert not store.path("a").exists() and not store.part("a").exists()
    store.discard("a")
