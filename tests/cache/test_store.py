import fcntl
import multiprocessing
import os
import time

import pytest

from tests.cache.entries import KB, filled, name, names
from tlx.cache.meta import META
from tlx.cache.store import DONE, Store, data_file

A, B = name("a"), name("b")


def everything(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_an_entry_is_there_once_it_is_finished_and_not_before(store):
    store.part(A).mkdir()
    (store.part(A) / META).write_text("{}")
    assert names(store) == set() and not store.holds(A)
    (store.part(A) / META).unlink()
    (store.part(A)).rmdir()
    filled(store, A)
    [entry] = store.entries()
    assert (entry.address, entry.what["what"]) == (A, {"split": A})
    assert KB < entry.size < 2 * KB
    assert store.holds(A) and not store.part(A).exists()


def test_what_is_being_read_stays(store):
    path = filled(store, A, 6 * KB, used=1)
    with (path / META).open() as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        assert not store.evict(A)
        assert store.clear() == 0
        assert names(store) == {A}
    assert store.evict(A)
    assert names(store) == set()


def test_clearing_leaves_nothing_and_says_how_much_that_was(store):
    filled(store, A, 3 * KB)
    store.begin(B)
    (store.part(B) / "0.bin").write_bytes(b"x" * KB)
    assert 4 * KB <= store.clear() < 5 * KB
    assert names(store) == set()
    assert not store.part(B).exists()


@pytest.mark.parametrize(
    "foreign",
    [
        f"projectA/{META}",
        "my.part/thesis.txt",
        "other.gone/0.bin",
        f"{name('x')}/thesis.txt",  # a folder of a name like ours
        f"{name('x')}/{META}",
        f"{name('x')}.part/thesis.txt",
        f"{name('x')}.part.backup/0.bin",
        f"{name('x')}.12.gone/thesis.txt",
        f"{name('x').upper()}/0.bin",
        "dl.part/0.bin",
    ],
)
def test_what_tlx_did_not_write_is_never_touched(store, foreign):
    path = store.folder / foreign
    path.parent.mkdir()
    path.write_text('{"what": {}, "a": 1}')
    os.utime(path.parent, (1, 1))
    filled(store, A)
    before = everything(path.parent)
    assert store.clear() >= KB
    store.sweep(older_than=0)
    assert everything(path.parent) == before
    assert names(store) == set()
    assert {each.name for each in store.folder.iterdir()} == {"locks", path.parent.name}
    assert list((store.folder / "locks").iterdir()) == []


def test_a_link_to_a_folder_elsewhere_is_never_followed(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / data_file(0)).write_bytes(b"x")
    (store.folder / A).symlink_to(tmp_path / "elsewhere")
    assert store.clear() == 0
    assert (tmp_path / "elsewhere" / data_file(0)).exists()


def test_an_entry_that_lost_its_meta_is_replaced_and_cleared(store):
    (filled(store, A) / META).unlink()
    filled(store, A, 2 * KB)
    assert names(store) == {A}
    (store.path(A) / META).unlink()
    assert store.clear() == 2 * KB
    assert not store.path(A).exists()


def test_an_entry_whose_meta_was_edited_is_none_and_goes(store):
    (filled(store, A) / META).write_text("[1, 2]")
    assert names(store) == set()
    assert store.clear() > KB
    assert not store.path(A).exists()


def test_an_unfinished_entry_that_somebody_fills_is_not_cleared(store):
    store.begin(A)
    (store.part(A) / DONE).write_bytes(b"x")
    with store.locked(A):
        assert store.clear() == 0
    assert store.clear() == 1


def test_what_is_no_entry_is_told_with_its_size_and_whether_a_process_fills_it(store):
    filled(store, name("c"))
    for address in (A, B):
        (store.begin(address) / DONE).write_bytes(b"x" * KB)
    with store.locked(A):
        found = {left.path.name: (left.size, left.is_held) for left in store.remains()}
    assert found == {f"{A}.part": (KB, True), f"{B}.part": (KB, False)}


def test_a_folder_that_cannot_be_made_or_that_may_hold_nothing_is_not_usable(tmp_path):
    (tmp_path / "file").write_text("")
    assert not Store(tmp_path / "file" / "features", KB).is_usable()
    assert not Store(tmp_path / "features", 0).is_usable()


def test_whoever_may_write_to_the_folder_may_write_to_all_that_is_made_in_it(tmp_path):
    (tmp_path / "features").mkdir()
    (tmp_path / "features").chmod(0o777)
    store = Store(tmp_path / "features", 10 * KB)
    before = os.umask(0o077)
    try:
        assert store.is_usable()
        with store.locked(A):
            filled(store, A)
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(store.folder)): path.stat().st_mode & 0o777 for path in store.folder.rglob("*")
    }
    assert modes == {
        "locks": 0o777,
        f"locks/{A}": 0o666,
        A: 0o777,
        f"{A}/{META}": 0o666,
        f"{A}/{data_file(0)}": 0o666,
    }


def test_a_lock_that_another_user_made_is_waited_for_all_the_same(store, as_nobody):
    path = store.folder / "locks" / A
    path.write_text("")
    path.chmod(0o444)
    with as_nobody(), store.locked(A):
        other = os.open(path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)


def waits(folder, held, seconds):
    held.wait(30)
    began = time.monotonic()
    with Store(folder, KB).locked(A):
        seconds.value = time.monotonic() - began


def test_a_second_process_waits_for_the_one_that_fills(store):
    context = multiprocessing.get_context("fork")
    held, seconds = context.Event(), context.Value("d", 0.0)
    other = context.Process(target=waits, args=(store.folder, held, seconds))
    other.start()
    with store.locked(A):
        held.set()
        time.sleep(0.3)
        assert other.is_alive()
    other.join(30)
    assert seconds.value >= 0.2


def test_discarding_takes_the_finished_and_the_begun(store):
    filled(store, A)
    store.part(A).mkdir()
    store.discard(A)
    assert not store.path(A).exists() and not store.part(A).exists()
    store.discard(A)
