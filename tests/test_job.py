from pathlib import Path

import pytest
from rich.console import Console

from tests.faults.jobs import BY_EPOCHS, MadeUp, small_job
from tlx.errors import ConfigError
from tlx.job import Run
from tlx.modules.classifier import Classifier
from tlx.trainer import World
from tlx.training import build_network


def test_only_the_first_rank_writes_the_log(tmp_path: Path) -> None:
    job = small_job()
    module = Classifier(build_network(job), 3, job.optimizer)
    plan = BY_EPOCHS(tuple(job.backbone.stages))
    for rank in (1, 0):
        Run(job, tmp_path, World(rank, rank, 2), plan, module, Console(quiet=True)).log(f"rank {rank}")
    assert (tmp_path / "log.txt").read_text() == "rank 0\n"


def test_the_direction_follows_from_the_monitor() -> None:
    job = small_job()
    directions = {}
    for monitor in ("val/accuracy", "val/f1", "val/loss", "val/calibration_error"):
        job.monitor = monitor
        directions[monitor] = job.higher_is_better
    assert directions == {
        "val/accuracy": True,
        "val/f1": True,
        "val/loss": False,
        "val/calibration_error": False,
    }


def test_a_model_is_not_given_data_of_another_kind() -> None:
    source = MadeUp(kind="text")
    with pytest.raises(ConfigError, match="reads .* and the data is .* Try: a model that reads"):
        small_job(source=source)
