"""A run that reads the frozen part from the cache ends in the bits of the run without one, also killed."""

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.faults.jobs import BY_EPOCHS
from tests.faults.outcome import differences, outcome
from tests.faults.processes import run_process
from tests.faults.ranks import differing, write_down
from tlx.cache.meta import META
from tlx.cache.settings import CacheSettings
from tlx.strategies.full import full

KILLED = -9
MOMENTS = [
    ("on_train_batch_start", 0),
    ("on_train_batch_end", 4),
    ("on_train_end", 0),  # between two frontiers
    ("on_train_batch_start", 30),  # below a lower frontier
    ("on_validation_batch_start", 9),
    ("on_train_end", 2),  # before the conclusion
]


def kept(folder: Path, **more: Any) -> CacheSettings:
    return CacheSettings(ram=0.1, disk=0.1, folder=str(folder), **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without a cache and without a kill."""
    folder = tmp_path_factory.mktemp("whole")
    assert run_process(folder, augment="none") == [0]
    return folder


@pytest.mark.parametrize("settings", [{}, {"ram": 0}, {"disk": 0}], ids=["both", "disk", "memory"])
def test_a_cached_run_ends_in_the_bits_of_the_run_without_a_cache(
    whole: Path, tmp_path: Path, settings: dict[str, float]
) -> None:
    cache = CacheSettings(**({"ram": 0.1, "disk": 0.1, "folder": str(tmp_path / "features")} | settings))  # type: ignore[arg-type]
    assert run_process(tmp_path / "run", augment="none", cache=cache) == [0]
    assert (tmp_path / "run" / "log.txt").read_text().count("computed once") >= 2
    assert differences(outcome(tmp_path / "run"), outcome(whole)) == []


@pytest.mark.parametrize(
    ("moment", "evicted"), [(moment, number % 2 > 0) for number, moment in enumerate(MOMENTS)], ids=str
)
def test_a_cached_run_killed_and_resumed_ends_in_the_same_bits(
    whole: Path, tmp_path: Path, moment: tuple[str, int], evicted: bool
) -> None:
    job: dict[str, Any] = {"augment": "none", "cache": kept(tmp_path / "features"), "workers": 2}
    assert run_process(tmp_path / "run", kill=moment, **job) == [KILLED]
    if evicted:
        shutil.rmtree(tmp_path / "features")
    assert run_process(tmp_path / "run", **job) == [0]
    assert differences(outcome(tmp_path / "run"), outcome(whole)) == []


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"ema": 0.9, "accumulate_grad_batches": 2}, marks=pytest.mark.slow),
        {"precision": "bf16-mixed"},
        {"mixup": 0.4},
        pytest.param({"augment": "auto"}, marks=pytest.mark.slow),
        {"augment": "always", "cache": {"views": 2}},
    ],
    ids=lambda s: "-".join(s),
)
def test_whatever_else_a_run_does_the_cache_changes_no_bit_of_it(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    more = settings.pop("cache", {})
    job = {"strategy": BY_EPOCHS, "augment": "none"} | settings
    if not more:
        assert run_process(tmp_path / "whole", **job) == [0]
    else:  # the same variations, computed in every epoch, since nothing of them fits
        assert run_process(tmp_path / "whole", **job, cache=CacheSettings(1e-9, 1e-9, **more)) == [0]
    cached = job | {"cache": kept(tmp_path / "features", **more)}
    assert run_process(tmp_path / "run", kill=("on_train_batch_end", 16), **cached) == [KILLED]
    assert run_process(tmp_path / "run", **cached) == [0]
    assert differences(outcome(tmp_path / "run"), outcome(tmp_path / "whole")) == []


def test_other_views_end_elsewhere(tmp_path: Path) -> None:
    for views in (1, 2):
        job: dict[str, Any] = {"augment": "always", "cache": kept(tmp_path / "features", views=views)}
        assert run_process(tmp_path / str(views), strategy=BY_EPOCHS, **job) == [0]
    assert "weights" in differences(outcome(tmp_path / "1"), outcome(tmp_path / "2"))


@pytest.mark.parametrize("views", [1, 9])
def test_variations_of_a_phase_without_a_frozen_part_are_as_many_as_its_epochs(
    tmp_path: Path, views: int
) -> None:
    strategy = functools.partial(full, epochs=2)
    assert run_process(tmp_path / "whole", strategy=strategy, augment="always") == [0]
    cache = kept(tmp_path / "features", views=views)
    assert run_process(tmp_path / "run", strategy=strategy, augment="always", cache=cache) == [0]
    assert differences(outcome(tmp_path / "run"), outcome(tmp_path / "whole")) == []


def test_two_ranks_fill_one_cache_and_stay_identical(tmp_path: Path) -> None:
    job: dict[str, Any] = {"ranks": 2, "strategy": BY_EPOCHS, "augment": "none"}
    assert run_process(tmp_path / "whole", **job) == [0, 0]
    job["cache"] = kept(tmp_path / "features")
    prepare = functools.partial(write_down, tmp_path / "ranks")
    assert run_process(tmp_path / "run", prepare=prepare, **job) == [0, 0]
    assert differing(tmp_path / "ranks", 3) == []
    assert differences(outcome(tmp_path / "run"), outcome(tmp_path / "whole")) == []
    assert run_process(tmp_path / "killed", kill=("on_train_batch_end", 9), **job) == [KILLED, KILLED]
    assert run_process(tmp_path / "killed", **job) == [0, 0]
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []


def hashes(folder: Path) -> dict[str, list[str]]:
    return {path.parent.name: json.loads(path.read_text())["sha256"] for path in folder.glob(f"*/{META}")}


def test_what_is_filled_does_not_depend_on_ranks_or_workers(tmp_path: Path) -> None:
    found = []
    for number, more in enumerate(({}, {"ranks": 2}, {"workers": 2})):
        job: dict[str, Any] = {"strategy": BY_EPOCHS, "augment": "none"} | more
        folder = tmp_path / f"features{number}"
        assert set(run_process(tmp_path / str(number), cache=kept(folder), **job)) == {0}
        found.append(hashes(folder))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) >= 4
