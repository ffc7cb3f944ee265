from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tlx.assembly import build_network, frontier_cache
from tlx.cache.settings import CacheSettings
from tlx.errors import ConfigError
from tlx.job import Run
from tlx.modules.supervised import Supervised
from tlx.regularizers.l2sp import L2SP
from tlx.tasks.regression import Regression
from tlx.trainer import World


def test_only_the_first_rank_writes_the_log(tmp_path: Path) -> None:
    job = small_job()
    splits = job.data.splits
    network = build_network(job)
    module = Supervised(network, job.task, splits.train.labels, splits.classes, 3, job.optimizer)
    plan = BY_EPOCHS(tuple(job.backbone.stages))
    for rank in (1, 0):
        world = World(rank, rank, 2)
        cache = frontier_cache(job, network, world)
        Run(job, tmp_path, world, plan, module, Console(quiet=True), cache).log(f"rank {rank}")
    assert (tmp_path / "log.txt").read_text() == "rank 0\n"


def test_the_direction_follows_from_the_monitor() -> None:
    job = small_job()
    directions = {}
    for monitor in ("val/accuracy", "val/f1", "val/loss", "val/calibration_error", "epoch"):
        job.monitor = monitor
        directions[monitor] = job.higher_is_better
    assert directions == {
        "val/accuracy": True,
        "val/f1": True,
        "val/loss": False,
        "val/calibration_error": False,
        "epoch": True,
    }


def test_a_model_is_not_given_data_of_another_kind() -> None:
    source = MadeUp(kind="text")
    with pytest.raises(ConfigError, match="reads .* and the data is .* Try: a model that reads"):
        small_job(source=source)


def test_a_monitor_of_another_task_is_refused_with_those_of_this_one() -> None:
    job = small_job(task=Regression())
    assert job.monitor == "val/loss"
    with pytest.raises(ConfigError, match="monitor of regression 'val/accuracy'.*val/mae"):
        replace(job, monitor="val/accuracy")


def test_the_task_says_which_labels_the_data_shall_give() -> None:
    assert small_job(task=Regression()).data.targets == "numbers"
    assert small_job(task=Regression()).data.splits.train.labels.shape == (52, 2)


def test_an_unknown_word_for_norms_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no norms 'frozen'. Known: affine, all, statistics, train"):
        replace(small_job(), norms="frozen")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        {"mixup": -0.1},
        {"mixup": 1e-3},
        {"mixup": float("nan")},
        {"mixup": float("inf")},
        {"ema": 1.0},
        {"ema": 0.0},
    ],
)
def test_mixup_and_ema_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        small_job(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "value"), [("batch_size", 9), ("eval_batch_size", 7)])
def test_a_batch_that_the_devices_cannot_share_is_refused_before_anything_trains(
    name: str, value: int
) -> None:
    job = small_job()
    setattr(job.data, name, value)
    with pytest.raises(ConfigError, match=rf"data\.{name}={value} .* 2 ranks.*Try: data\.{name}={value + 1}"):
        replace(job, trainer=replace(job.trainer, devices=2))


@pytest.mark.parametrize("name", ["l2sp", "loss", "accuracy"])
def test_a_regularizer_whose_name_is_taken_is_refused(name: str) -> None:
    class Another(L2SP):
        pass

    Another.name = name
    with pytest.raises(ConfigError, match=f"name of a regularizer='{name}'.*no other regularizer or figure"):
        small_job(regularizers=(L2SP, Another))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"augment": "none"}, "Expected null for what does not vary"),
        ({"augment": "always", "mixup": 0.2}, "Expected null where pictures are mixed .* Try: mixup=0"),
    ],
)
def test_variations_of_what_never_varies_or_always_does_are_refused(more: dict[str, Any], said: str) -> None:
    cache = CacheSettings(ram=1, disk=1, views=2)
    with pytest.raises(ConfigError, match=said):
        small_job(cache=cache, **more)
    assert small_job(cache=cache).cache.views == 2


def test_pictures_of_which_no_part_counts_never_vary() -> None:
    class Whole(MadeUp):
        crop = False

    with pytest.raises(ConfigError, match="cache.views=2 is not usable"):
        small_job(cache=CacheSettings(ram=1, disk=1, views=2), source=Whole())
