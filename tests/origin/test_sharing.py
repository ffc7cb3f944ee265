import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.faults.jobs import MadeUp
from tests.origin.known import SOURCE, known_job, origin_on
from tlx.cache.settings import CacheSettings
from tlx.cache.shared import SharedFiles
from tlx.checkpoint.durable import is_whole, write_durably
from tlx.data.datamodule import TransferData
from tlx.job import Job
from tlx.origin.origin import Origin
from tlx.origin.sharing import share
from tlx.strategies.partial import partial
from tlx.trainer import World

MADE_BY = {"estimator": "exact"}


class Runs:
    """Runs that share a folder; `made` counts what they had to compute."""

    def __init__(self, home: Path) -> None:
        self.home, self.made = home, 0

    def origin(self, job: Job | None = None) -> Origin:
        origin, _ = origin_on(self.home / f"{len(list(self.home.iterdir()))}" / "known", job)
        settings = CacheSettings(disk=1e-3, folder=str(self.home / "features"))
        origin.shared = SharedFiles(settings, torch.device("cpu"), {})
        return origin

    def computes(self, origin: Origin, samples: int | None = 5, made_by: Any = None) -> bool:
        """Whether a run computes the file itself."""
        before, path = self.made, origin.folder / "table"

        def make(to: Path) -> None:
            self.made += 1
            write_durably(to, lambda temporary: temporary.write_text("content"), sidecar=True)

        share(origin, path, "a table", samples, made_by or MADE_BY, make)
        assert is_whole(path)
        return self.made > before


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """After a first run of a known job on five samples."""
    found = Runs(tmp_path)
    assert found.computes(found.origin())
    return found


def test_runs_that_differ_in_nothing_that_matters_have_it_in_common(runs: Runs) -> None:
    assert not runs.computes(runs.origin())
    assert not runs.computes(runs.origin(known_job(strategy=functools.partial(partial, unfrozen=1))))
    job = known_job()
    job.data = TransferData(MadeUp(first=9000), batch_size=4)
    job.data.preprocessing = job.backbone.preprocessing
    assert not runs.computes(runs.origin(job))


def another_weight(job: Job) -> None:
    next(job.backbone.net.parameters()).data += 1


def another_statistic(job: Job) -> None:
    buffers = dict(job.backbone.net.named_buffers())
    next(value for name, value in buffers.items() if name.endswith("running_var")).add_(1)


def another_head(job: Job) -> None:
    assert job.backbone.original_head is not None
    next(job.backbone.original_head.parameters()).data += 1


def another_recipe(job: Job) -> None:
    job.backbone.recipe = {"_target_": "another"}


def another_preparation(job: Job) -> None:
    job.backbone.preprocessing = replace(job.backbone.preprocessing, mean=(0.4,))  # type: ignore[type-var]


def other_samples(job: Job) -> None:
    job.source = TransferData(MadeUp(train=SOURCE, val=10, test=17, first=501), eval_batch_size=8)


def other_batches(job: Job) -> None:
    assert job.source is not None
    job.source.eval_batch_size = 4


def no_source(job: Job) -> None:
    job.source = None


def another_seed(job: Job) -> None:
    """Which draws other samples."""
    job.seed = 1


OTHERS = [
    another_weight,
    another_statistic,
    another_head,
    another_recipe,
    another_preparation,
    other_samples,
    other_batches,
    no_source,
    another_seed,
]


@pytest.mark.parametrize("change", OTHERS)
def test_another_network_and_other_samples_are_not_shared(change: Callable[[Job], None], runs: Runs) -> None:
    job = known_job()
    change(job)
    for data in filter(None, (job.data, job.source)):
        data.preprocessing = job.backbone.preprocessing
    assert runs.computes(runs.origin(job))
    assert not runs.computes(runs.origin())


def test_another_number_of_samples_setting_or_rank_is_not_shared(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runs.computes(runs.origin(), samples=6)
    assert runs.computes(runs.origin(), made_by={"estimator": "sampled"})
    origin = runs.origin()
    monkeypatch.setattr(World, "agree", lambda self, value: value)
    origin.world = World(size=2)
    assert runs.computes(origin)


def test_other_original_classes_are_not_shared(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = Origin.labels
    monkeypatch.setattr(Origin, "labels", lambda self, split: (labels(self, split) + 1) % 3)
    assert runs.computes(runs.origin())


@pytest.mark.parametrize(
    "digest", ["code_digest", "preprocessing_digest", "reading_digest", "rooms_digest", "split_key"]
)
def test_other_code_preparation_and_contents_are_not_shared(
    digest: str, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"tlx.origin.sharing.{digest}", lambda *given: "another")
    assert runs.computes(runs.origin())
    assert not runs.computes(runs.origin())


def test_the_same_contents_at_other_positions_are_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are drawn by the position of a sample."""
    monkeypatch.setattr("tlx.origin.sharing.split_key", lambda split: "alike")
    monkeypatch.setattr(Origin, "labels", lambda self, split: np.zeros(len(split), np.int64))
    runs, job = Runs(tmp_path), known_job()
    job.seed = 1
    assert runs.computes(runs.origin()) and runs.computes(runs.origin(job))
    assert not runs.computes(runs.origin())


def test_all_samples_are_the_same_whatever_the_seed(runs: Runs) -> None:
    assert runs.computes(runs.origin(), samples=None)
    job = known_job()
    job.seed = 1
    assert not runs.computes(runs.origin(job), samples=None)
    assert not runs.computes(runs.origin(job), samples=SOURCE)


def test_without_a_cache_each_run_computes_its_own(runs: Runs) -> None:
    for shared in (None, SharedFiles(CacheSettings(disk=0), torch.device("cpu"), {})):
        origin = runs.origin()
        origin.shared = shared
        assert runs.computes(origin)
