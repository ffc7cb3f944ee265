import gc
import re

import pytest
import torch

from tests.cache.caches import cache_of
from tests.cache.entries import KB, filled, name
from tests.faults.jobs import MadeUp
from tlx.cache.meta import META, write_meta
from tlx.cache.part import Part
from tlx.cache.settings import CacheSettings
from tlx.cache.shared import SharedFiles
from tlx.cache.store import Store
from tlx.errors import ConfigError
from tlx.trainer import World
from tlx.verbs.cache_details import cache_details
from tlx.verbs.listing import listing
from tlx.withheld import withhold


class Photos(MadeUp):
    def describe(self):
        return {"_target_": "tlx.data.folder.Folder", "root": "/srv/photos-7"}


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "features", 20 * KB)
    assert made.is_usable()
    return made


@pytest.fixture
def kept(tmp_path):
    cache = cache_of(tmp_path / "features")
    cache.rows(Part("train", cache.data.splits.train), (3, 2))
    del cache
    gc.collect()  # what a process reads stays
    return tmp_path / "features"


def test_every_entry_has_a_line_with_its_size_and_what_it_is_of(kept):
    said = cache_details([f"folder={kept}"]).splitlines()
    assert len(said) == 3
    assert re.fullmatch(r"2 entries, \d+\.\d kB, in .*features", said[-1])
    assert any("to block1, 52 of train" in line for line in said)
    assert all(re.match(r"  [0-9a-f]{8} +\d+\.\d kB  used \d{4}-", line) for line in said[:2])


def test_what_runs_share_has_a_line_too_and_goes_with_the_rest(kept, tmp_path):
    shared = SharedFiles(CacheSettings(folder=str(kept)), torch.device("cpu"), {})
    what = {"of": "Fisher information", "model": "tiny", "samples": 2000, "split": "source"}
    shared.obtain(tmp_path / "table", "0" * 32, what, lambda path: path.write_text("x"), World())
    said = cache_details([f"folder={kept}"])
    assert "Fisher information of tiny, 2000 of source" in said and "3 entries" in said
    cache_details([f"folder={kept}", "clear=true"])
    assert cache_details([f"folder={kept}"]).startswith("0 entries")


def line_of(folder):
    [line, _] = cache_details([f"folder={folder}"]).splitlines()
    return line.split("  ")[-1]


def test_a_line_names_model_data_and_weights_as_people_choose_them(tmp_path):
    cache = cache_of(tmp_path / "features", names={"model": "tiny", "data": "folder"}, source=Photos())
    cache.rows(Part("val", cache.data.splits.val), (3,))
    said = "tiny to block1, 30 of val of folder /srv/photos-7, weights random"
    assert line_of(tmp_path / "features") == said


def test_without_names_of_choices_a_line_says_what_the_things_are(tmp_path):
    cache = cache_of(tmp_path / "features")
    cache.rows(Part("val", cache.data.splits.val), (3,))
    said = "tests.faults.jobs.small_backbone to block1, 30 of val of MadeUp, weights random"
    assert line_of(tmp_path / "features") == said


def test_a_path_that_the_environment_lent_is_not_written_down(tmp_path):
    withhold("PHOTOS", "/srv/photos-7")
    cache = cache_of(tmp_path / "features", names={"model": "tiny", "data": "folder"}, source=Photos())
    cache.rows(Part("val", cache.data.splits.val), (3,))
    assert "of folder ${oc.env:PHOTOS}" in line_of(tmp_path / "features")
    assert "/srv/photos-7" not in next((tmp_path / "features").glob(f"*/{META}")).read_text()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"model": "tiny", "stage": "a", "split": "train", "samples": 5}, "tiny to a, 5 of train"),
        ({"of": "Fisher information", "model": "tiny"}, "Fisher information of tiny, ? of ?"),
        ({}, "? to ?, ? of ?"),
        ({"samples": 5, "split": "train", "views": 1}, "? to ?, 5 of train in 1 variation"),
        ({"samples": 5, "split": "train", "views": 3}, "? to ?, 5 of train in 3 variations"),
    ],
)
def test_an_entry_of_before_says_what_it_holds(tmp_path, what, said):
    path = filled(Store(tmp_path, 10 * KB), name("a"))
    write_meta(path, {"what": what})
    assert line_of(tmp_path).endswith(said)


def begun(store, word, size):
    part = store.begin(name(word))
    (part / "0.bin").write_bytes(b"x" * size)
    return part


def test_what_a_killed_run_left_and_what_one_fills_just_now_are_listed_and_counted(store):
    filled(store, name("whole"))
    begun(store, "left", 3 * KB)
    begun(store, "filled", 2 * KB)
    begun(store, "removed", KB).rename(store.folder / f"{name('removed')}.7.gone")
    (filled(store, name("damaged")) / META).unlink()
    with store.locked(name("filled")):
        said = cache_details([f"folder={store.folder}"]).splitlines()
    assert sorted(said[1:-1]) == sorted(
        [
            f"  {name('left')[:8]}     3.0 kB  left by a killed run",
            f"  {name('filled')[:8]}     2.0 kB  being filled",
            f"  {name('removed')[:8]}     1.0 kB  half removed",
            f"  {name('damaged')[:8]}     1.0 kB  damaged",
        ]
    )
    assert re.fullmatch(r"1 entry, 1\.\d kB, and 4 others, 7\.0 kB, in .*features", said[-1])


def test_clearing_removes_all_and_says_how_much(kept):
    assert "removed from" in cache_details([f"folder={kept}", "clear=true"])
    assert cache_details([f"folder={kept}"]).startswith("0 entries")


def test_clearing_says_what_stays_because_it_is_in_use(store):
    filled(store, name("kept"))
    begun(store, "filled", 2 * KB)
    with store.locked(name("filled")):
        said = cache_details([f"folder={store.folder}", "clear=true"])
    assert said.endswith(f"removed from {store.folder}; 1 entry, 2.0 kB, stay: in use")
    assert cache_details([f"folder={store.folder}", "clear=true"]) == f"2.0 kB removed from {store.folder}"


def test_a_folder_that_is_none_is_said_to_be_none(tmp_path):
    (tmp_path / "file").touch()
    assert cache_details([f"folder={tmp_path}/none"]).endswith("/none, which is not there")
    assert cache_details([f"folder={tmp_path}/file"]).endswith("/file, which is no folder")


def test_an_empty_machine_has_nothing_and_clears_nothing(tmp_path):
    assert cache_details([f"folder={tmp_path}/none"]).startswith("0 entries, 0.0 kB")
    assert cache_details([f"folder={tmp_path}/none", "clear=true"]).startswith("0.0 kB removed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["folder="], "folder=''"),
        (["folder= ", "clear=true"], "folder=' '"),
        (["clear=yes"], "clear='yes'"),
        (["cleer=true"], "cleer"),
        (["old"], "old"),
        (["-f"], "no flag -f"),
    ],
)
def test_other_words_are_refused(words, said):
    with pytest.raises(ConfigError, match=said):
        cache_details(words)


def test_the_list_shows_the_choices_and_the_entries(kept, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept.parent / "nothing"))
    listing(["cache"])
    said = capsys.readouterr().out
    assert "  disk " in said and "0 entries" in said
    listing(["cache", f"folder={kept}"])
    assert "2 entries" in capsys.readouterr().out


def test_a_folder_of_other_things_is_left_as_it_is(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "meta.json").write_text("[1, 2]")
    assert cache_details([f"folder={tmp_path}"]).startswith("0 entries")
    assert cache_details([f"folder={tmp_path}", "clear=true"]).startswith("0.0 kB removed")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["meta.json", "photos"]


def test_an_edited_entry_is_not_listed_and_goes_with_the_rest(kept):
    [meta, _] = kept.glob("*/meta.json")
    meta.write_text("[1,2]")
    assert cache_details([f"folder={kept}"]).splitlines()[-1].startswith("1 entry,")
    assert "1 other," in cache_details([f"folder={kept}"])
    cache_details([f"folder={kept}", "clear=true"])
    assert [path.name for path in kept.iterdir()] == ["locks"]


def test_a_folder_that_may_not_be_written_is_named(kept, as_nobody):
    for path in (kept, *kept.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_nobody(), pytest.raises(ConfigError, match="cannot be written to"):
        cache_details([f"folder={kept}", "clear=true"])
