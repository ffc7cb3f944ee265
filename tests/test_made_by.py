from pathlib import Path
from typing import Any

import pytest

from tlx.errors import CheckpointError
from tlx.made_by import FORMAT, made_by, refuse_newer, version


@pytest.mark.parametrize(
    "mark", [None, made_by(), {"format": 0, "tlx": "0.0.9"}, {"format": 1}, made_by() | {"tlx": "0.1.99"}]
)
def test_what_this_or_an_older_tlx_made_is_read(mark: Any) -> None:
    refuse_newer(mark, "the run", Path("run"))


def test_a_version_is_that_of_the_installed_package_and_looked_up_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert version("pytest") == pytest.__version__
    monkeypatch.setattr("importlib.metadata.version", lambda package: "another")
    assert version("pytest") == pytest.__version__


def test_a_newer_version_or_format_is_refused_with_both() -> None:
    with pytest.raises(
        CheckpointError, match=r"the run was made by tlx 12\.0, this is 0\..*Try: pip install"
    ):
        refuse_newer({"format": FORMAT, "tlx": "12.0"}, "the run", Path("run"))
    with pytest.raises(CheckpointError, match=rf"made in format 7, this is tlx 0\..*up to {FORMAT}"):
        refuse_newer({"format": 7}, "the run", Path("run"))


@pytest.mark.parametrize("mark", ["1", 1, [], {}, {"format": "x"}, {"format": float("inf")}])
def test_a_mark_that_is_none_is_refused(mark: Any) -> None:
    with pytest.raises(CheckpointError, match="does not say which tlx made it"):
        refuse_newer(mark, "the run", Path("run"))
