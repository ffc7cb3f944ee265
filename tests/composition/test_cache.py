import pytest

from tlx.composition.cache import check_cache
from tlx.errors import ConfigError

CACHE = {"_target_": "tlx.cache.settings.CacheSettings", "disk": 1.0}


def test_a_folder_that_can_hold_nothing_is_refused_where_no_memory_stands_in_for_it(tmp_path):
    (tmp_path / "file").write_text("")
    folder = {"folder": str(tmp_path / "file")}
    with pytest.raises(ConfigError, match=r"cache\.folder=.*file is a file"):
        check_cache({"cache": CACHE | folder | {"ram": 0.0}})
    check_cache({"cache": CACHE | folder | {"ram": 1.0}})
    check_cache({"cache": CACHE | {"folder": str(tmp_path), "ram": 0.0}})
    check_cache({"seed": 1})
