import numpy as np

from tlx.data.remembered import Remembered, remember, remembered

FILES = np.array([2**63, 5, 9], dtype=np.uint64)


def test_what_came_out_well_is_remembered_by_its_whole_key():
    remember("images", "/data", "1")
    assert remembered("images", "/data", "1")
    assert not remembered("images", "/data", "2")


def test_a_cache_that_cannot_be_written_only_costs_time(own_cache, monkeypatch):
    (own_cache / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_cache / "file"))
    remember("key")
    assert not remembered("key")
    Remembered("key").add(FILES, FILES)
    assert not Remembered("key").known(FILES)[0].any()


def known(*numbers, key="digests"):
    found, values = Remembered(key, "/data").known(np.array(numbers, dtype=np.uint64))
    return found.tolist(), values.tolist()


def test_values_of_files_are_found_again_whatever_their_order():
    assert known(5) == ([False], [0])
    Remembered("digests", "/data").add(FILES, np.array([1, 2, 2**64 - 1], dtype=np.uint64))
    assert known(9, 7, 2**63) == ([True, False, True], [2**64 - 1, 0, 1])
    assert known(5, key="other") == ([False], [0])


def test_more_files_join_those_before_and_a_new_value_replaces_the_old_one():
    for value in (1, 2):
        Remembered("digests", "/data").add(FILES[value - 1 :], np.full(4 - value, value, dtype=np.uint64))
    assert known(*FILES.tolist()) == ([True] * 3, [1, 2, 2])


def test_a_damaged_table_is_no_table(own_cache):
    Remembered("digests", "/data").add(FILES, FILES)
    (table,) = own_cache.glob("tlx/files/*.npy")
    for content in (b"", table.read_bytes()[:-3], b"words"):
        table.write_bytes(content)
        assert known(5) == ([False], [0])
