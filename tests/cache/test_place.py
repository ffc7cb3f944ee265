import pytest

from tests.cache.entries import KB, filled, name
from tlx.cache.place import check_place, obstacle
from tlx.cache.settings import CacheSettings
from tlx.cache.store import Store
from tlx.errors import ConfigError


def of(folder, **settings):
    return CacheSettings(folder=str(folder), **settings)


def test_a_folder_that_is_there_or_can_be_made_is_used_and_not_made_by_asking(tmp_path):
    for folder in (tmp_path, tmp_path / "new", tmp_path / "more" / "new"):
        assert obstacle(of(folder)) == ""
        check_place(of(folder, ram=0))
    assert list(tmp_path.iterdir()) == []


def test_a_file_and_what_would_be_below_one_can_hold_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    said = f"{tmp_path}/file is a file"
    assert obstacle(of(tmp_path / "file")) == obstacle(of(tmp_path / "file" / "a" / "b")) == said
    assert obstacle(of(tmp_path / "link")) == f"{tmp_path}/link leads to no folder"
    assert obstacle(of(tmp_path / "file", disk=0)) == ""


def test_a_folder_that_cannot_be_made_or_written_can_hold_nothing(tmp_path, as_nobody):
    (tmp_path / "others").mkdir(mode=0o555)
    with as_nobody():
        assert obstacle(of(tmp_path / "others")) == "it cannot be written to"
        said = f"it cannot be made, for {tmp_path}/others cannot be written to"
        assert obstacle(of(tmp_path / "others" / "features")) == said


def test_what_can_be_read_of_a_folder_that_cannot_be_written_is_of_use(tmp_path, as_nobody):
    (tmp_path / "others").mkdir()
    filled(Store(tmp_path / "others", 10 * KB), name("a"))
    (tmp_path / "others").chmod(0o555)
    with as_nobody():
        assert obstacle(of(tmp_path / "others")) == ""


def test_it_is_refused_where_no_memory_stands_in_for_it(tmp_path):
    (tmp_path / "file").write_text("")
    said = rf"cache\.folder={tmp_path}/file/a cannot be used: {tmp_path}/file is a file; .*cache\.ram=0 GiB"
    with pytest.raises(ConfigError, match=said) as refused:
        check_place(of(tmp_path / "file" / "a", ram=0))
    assert refused.value.fix.startswith("cache.folder=FOLDER, cache=auto")
    check_place(of(tmp_path / "file" / "a", ram=1))


def test_the_usual_folder_is_named_too(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match=rf"folder=null, which is {tmp_path}/file/tlx/features cannot be"):
        check_place(CacheSettings(ram=0))


def test_of_several_processes_none_holds_anything_in_memory(tmp_path):
    (tmp_path / "file").touch()
    check_place(of(tmp_path / "file", ram=1), processes=1)
    with pytest.raises(ConfigError, match="2 processes of a machine hold nothing in memory.* or cache=none"):
        check_place(of(tmp_path / "file", ram=1), processes=2)


def test_a_file_in_the_place_of_the_locks_is_told(tmp_path):
    (tmp_path / "locks").touch()
    assert obstacle(of(tmp_path)) == f"{tmp_path}/locks is no folder"
