"""Machines keep the frozen part each by itself, in folders of their own or in one that all of them see."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.jobs import BY_EPOCHS
from tests.faults.outcome import differences, outcome
from tests.faults.processes import run_process
from tlx.cache.meta import META
from tlx.cache.settings import CacheSettings
from tlx.strategies.feature_extraction import feature_extraction

JOB: dict[str, Any] = {"strategy": BY_EPOCHS, "augment": "none", "rank_timeout": 30.0}
HEAD_ONLY = functools.partial(feature_extraction, epochs=2)
KEPT = CacheSettings(ram=0.1, disk=0.1, folder="features")
"""Relative: each machine has its own, where each has its own working folder."""


def in_its_own_folder(folder: Path) -> None:
    os.chdir(folder / f"machine{os.environ.get('GROUP_RANK', '0')}")


def fitted(
    run: Path, cache: CacheSettings, prepare: Callable[[], None] | None = None, **more: Any
) -> list[int]:
    """Exit codes of two machines."""
    return run_process(run, prepare=prepare, ranks=2, machines=2, cache=cache, **(JOB | more))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ranks of one machine that keep nothing."""
    folder = tmp_path_factory.mktemp("whole")
    assert run_process(folder, ranks=2, **JOB) == [0, 0]
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Of two machines, the first of which has all that is kept already."""
    for machine in range(2):
        (tmp_path / f"machine{machine}").mkdir()
    prepare = functools.partial(in_its_own_folder, tmp_path)
    assert run_process(tmp_path / "before", prepare=prepare, cache=KEPT, **JOB) == [0]
    return tmp_path


def entries(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob(f"*/{META}")}


def test_a_machine_makes_what_another_one_has_already(whole: Path, folders: Path) -> None:
    assert entries(folders / "machine0" / "features")
    assert fitted(folders / "run", KEPT, functools.partial(in_its_own_folder, folders)) == [0, 0]
    assert entries(folders / "machine0" / "features") == entries(folders / "machine1" / "features")
    assert differences(outcome(folders / "run"), outcome(whole)) == []


@pytest.mark.slow
def test_a_machine_without_room_computes_what_another_one_reads(folders: Path) -> None:
    """Head only, so that the features of test are kept at the end: by the machine that has room."""
    (folders / "machine1" / "features").write_text("no folder")
    cache, job = CacheSettings(ram=0, disk=0.1, folder="features"), {"strategy": HEAD_ONLY}
    prepare = functools.partial(in_its_own_folder, folders)
    assert fitted(folders / "run", cache, prepare, **job) == [0, 0]
    assert run_process(folders / "whole", ranks=2, **(JOB | job)) == [0, 0]
    assert differences(outcome(folders / "run"), outcome(folders / "whole")) == []


def test_machines_that_see_one_folder_fill_it_once(whole: Path, tmp_path: Path) -> None:
    cache = CacheSettings(ram=0, disk=0.1, folder=str(tmp_path / "features"))
    assert fitted(tmp_path / "run", cache) == [0, 0]
    assert len(entries(tmp_path / "features")) >= 4
    assert differences(outcome(tmp_path / "run"), outcome(whole)) == []
