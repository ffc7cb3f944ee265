import gc
import re

import pytest
import torch

from tests.cache.caches import cache_of
from tlx.cache.part import Part
from tlx.cache.settings import CacheSettings
from tlx.cache.shared import SharedFiles
from tlx.errors import ConfigError
from tlx.trainer import World
from tlx.verbs.cache_details import cache_details
from tlx.verbs.listing import listing


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


def test_clearing_removes_all_and_says_how_much(kept):
    assert "removed from" in cache_details([f"folder={kept}", "clear=true"])
    assert cache_details([f"folder={kept}"]).startswith("0 entries")


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
    assert cache_details([f"folder={kept}"]).splitlines()[-1].startswith("1 entries")
    cache_details([f"folder={kept}", "clear=true"])
    assert [path.name for path in kept.iterdir()] == ["locks"]


def test_a_folder_that_may_not_be_written_is_named(kept, as_nobody):
    for path in (kept, *kept.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_nobody(), pytest.raises(ConfigError, match="cannot be written to"):
        cache_details([f"folder={kept}", "clear=true"])
