import re
from pathlib import Path

import pytest

from tlx.cache.settings import CacheSettings
from tlx.errors import ConfigError


def test_budgets_are_gib_and_nothing_is_kept_where_there_are_none():
    assert CacheSettings(ram=1.5, disk=2).memory == 1.5 * 2**30
    assert CacheSettings(ram=1.5, disk=2).budget == 2 * 2**30
    assert CacheSettings(disk=1, ram=0).is_on and CacheSettings(disk=0, ram=1).is_on
    assert not CacheSettings(ram=0, disk=0).is_on


def test_the_place_is_the_folder_or_the_cache_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert CacheSettings().place == tmp_path / "tlx" / "features"
    monkeypatch.chdir(tmp_path)
    assert CacheSettings(folder="kept").place == tmp_path / "kept"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert CacheSettings().place == Path("~/.cache/tlx/features").expanduser()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ram": -1}, "cache.ram=-1"),
        ({"disk": float("nan")}, "cache.disk=nan"),
        ({"disk": float("inf")}, "cache.disk=inf"),
        ({"ram": 1e300}, "cache.ram=1e+300"),
        ({"folder": " "}, "cache.folder=' '"),
        ({"views": 0}, "cache.views=0"),
        ({"ram": 0, "disk": 0, "views": 2}, "cache.views=2"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        CacheSettings(**settings)
