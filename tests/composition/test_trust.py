import sys
from pathlib import Path

import pytest

from tlx.composition.trust import importable
from tlx.errors import ConfigError


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder])
    monkeypatch.chdir(tmp_path)
    return sys.path


def test_only_trust_opens_the_current_folder_and_it_comes_last(path: list[str], tmp_path: Path) -> None:
    before = list(path)
    assert importable([]) == ()
    assert path == before
    assert importable(["mine", "yours"]) == ("mine", "yours")
    assert path == [*before, str(tmp_path)]
    importable("mine")
    assert path == [*before, str(tmp_path)]


def test_one_name_is_a_list_of_one() -> None:
    assert importable("mine") == ("mine",)


@pytest.mark.parametrize("name", ["a.b", "../a", "", "a/b"])
def test_what_names_no_package_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"Expected names of packages.*Try: trust=\[mypackage\]"):
        importable([name])
