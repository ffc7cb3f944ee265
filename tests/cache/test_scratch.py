import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.cache.entries import KB
from tlx.cache.scratch import remove_left, scratch_folder, scratch_folders
from tlx.cache.settings import CacheSettings
from tlx.cache.store import Store
from tlx.verbs.cache_details import cache_details


def killed_within(place: Path) -> None:
    """A process that is killed while it has a folder with 1 kB in it."""
    pid = os.fork()
    if not pid:
        with scratch_folder(CacheSettings(folder=str(place))) as folder:
            (folder / "values").write_bytes(b"x" * KB)
            os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_a_folder_lies_with_the_cache_and_goes_again(tmp_path: Path) -> None:
    place = tmp_path / "not" / "yet"
    with scratch_folder(CacheSettings(folder=str(place))) as folder:
        (folder / "values").write_bytes(b"x" * KB)
        assert place in folder.parents and list(folder.iterdir()) == [folder / "values"]
        [scratch] = scratch_folders(place)
        assert (scratch.size, scratch.is_held) == (KB, True)
        assert remove_left(place) == 0 and folder.is_dir()
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_goes_at_the_next_start(tmp_path: Path) -> None:
    killed_within(tmp_path)
    [left] = scratch_folders(tmp_path)
    assert (left.size, left.is_held) == (KB, False)
    with scratch_folder(CacheSettings(folder=str(tmp_path))) as folder:
        assert [scratch.path for scratch in scratch_folders(tmp_path)] == [folder.parent]
    killed_within(tmp_path)
    with scratch_folder(CacheSettings(folder=str(tmp_path))):
        assert Store(tmp_path, 10**6).sweep() == 0  # the killed one's went before; this one's is held
    killed_within(tmp_path)
    assert Store(tmp_path, 10**6).sweep() == KB
    assert list(tmp_path.iterdir()) == []


def test_it_is_listed_with_the_entries_and_cleared_with_them(tmp_path: Path) -> None:
    killed_within(tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tlx.cache.scratch.remove_left", lambda place: 0)
        with scratch_folder(CacheSettings(folder=str(tmp_path))) as folder:
            held, left = sorted(
                cache_details([f"folder={tmp_path}"]).splitlines()[:2], key=lambda line: "killed" in line
            )
            assert held.split()[0] == folder.parent.name
            assert held.endswith("0.0 kB  in use by tlx plan measure=true")
            assert left.endswith("1.0 kB  left by a killed tlx plan measure=true")
            assert cache_details([f"folder={tmp_path}", "clear=true"]).startswith("1.0 kB removed")
            assert folder.is_dir()
    assert cache_details([f"folder={tmp_path}"]).startswith("0 entries")


@pytest.mark.parametrize(
    "foreign",
    ["tlx-measure-mine/thesis.txt", "tlx-measure-UPPER/lock", "measure/lock", "tlx-measure-/lock"],
)
def test_what_is_not_such_a_folder_stays(foreign: str, tmp_path: Path) -> None:
    path = tmp_path / foreign
    path.parent.mkdir()
    path.write_text("mine")
    os.utime(path.parent, (1, 1))
    (tmp_path / "tlx-measure-link").symlink_to(tmp_path)
    (tmp_path / "tlx-measure-file").write_text("mine")
    assert scratch_folders(tmp_path) == [] and remove_left(tmp_path) == 0
    assert path.read_text() == "mine" and (tmp_path / "tlx-measure-link").is_symlink()


def test_one_that_is_being_made_is_not_taken_for_one_that_was_left(tmp_path: Path) -> None:
    """Between its making and the file that holds it."""
    new = tmp_path / "tlx-measure-new"
    new.mkdir()
    assert remove_left(tmp_path) == 0 and new.is_dir()
    long_ago = time.time() - 7200
    os.utime(new, (long_ago, long_ago))
    remove_left(tmp_path)
    assert not new.exists()


def test_where_the_cache_cannot_be_written_it_lies_elsewhere(
    tmp_path: Path, as_nobody: Callable[[], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, there = tmp_path / "elsewhere", tmp_path / "there"
    for folder in (elsewhere, there):
        folder.mkdir()
    elsewhere.chmod(0o777)
    there.chmod(0o555)
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    with scratch_folder(CacheSettings(folder=str(there), disk=0)) as folder:
        assert elsewhere in folder.parents
    with as_nobody(), scratch_folder(CacheSettings(folder=str(there))) as folder:
        assert elsewhere in folder.parents
    assert list(elsewhere.iterdir()) == []
