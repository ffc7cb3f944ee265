"""What a kill leaves of a run of attention, where its cache is gone or switched off before it goes on.

A block of the cache is of one shape and order whoever computes it, so what is made again has the same
bits. Without a cache the frozen part sees training batches, in which a text stands among other ones.
"""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.backbones.family_jobs import family_job
from tests.faults.outcome import differences, epochs, outcome
from tests.faults.processes import run_process
from tlx.cache.settings import CacheSettings
from tlx.job import NOTHING_KEPT, Job
from tlx.trainer import TrainerSettings

KILLED = -9
FAMILIES = ("bert", "vit_b_32")
MOMENTS = [("on_train_batch_start", 2), ("on_train_end", 0), ("on_train_batch_start", 7)]
"""In the midst of the first phase, between two frontiers, and below the lower one."""
AT_LENGTH = [MOMENTS[1], *(pytest.param(MOMENTS[n], marks=pytest.mark.slow) for n in (0, 2))]


def job(family: str, home: Path, cache: CacheSettings) -> Job:
    torch.manual_seed(0)
    made = family_job(family, home / "files", augment="none", cache=cache)
    trainer = TrainerSettings(accelerator="cpu", limit_epochs=2, checkpoint_steps=1)
    return dataclasses.replace(made, trainer=trainer, page=False)


def run(folder: Path, kill: tuple[str, int] | None = None, **more: Any) -> list[int]:
    return run_process(folder, kill=kill, make=job, **more)


@pytest.fixture(scope="module", params=FAMILIES)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """With a cache and without a kill."""
    home = tmp_path_factory.mktemp(request.param)
    assert run(home / "run", family=request.param, home=home, cache=kept(home)) == [0]
    return request.param, home


def kept(home: Path) -> CacheSettings:
    return CacheSettings(ram=0.1, disk=0.1, folder=str(home / "features"))


@pytest.mark.parametrize("moment", AT_LENGTH, ids=str)
def test_where_the_cache_is_gone_the_run_ends_in_the_same_bits(
    whole: tuple[str, Path], tmp_path: Path, moment: tuple[str, int]
) -> None:
    family, home = whole
    given: dict[str, Any] = {"family": family, "home": home, "cache": kept(tmp_path)}
    assert run(tmp_path / "run", moment, **given) == [KILLED]
    shutil.rmtree(tmp_path / "features")
    assert run(tmp_path / "run", **given) == [0]
    assert (tmp_path / "run" / "log.txt").read_text().count("computed once") >= 2
    assert differences(outcome(tmp_path / "run"), outcome(home / "run")) == []


def test_where_nothing_is_kept_from_then_on_losses_and_weights_agree_to_1e_5(
    whole: tuple[str, Path], tmp_path: Path
) -> None:
    family, home = whole
    given: dict[str, Any] = {"family": family, "home": home}
    assert run(tmp_path / "run", MOMENTS[0], **given, cache=kept(tmp_path)) == [KILLED]
    assert run(tmp_path / "run", **given, cache=NOTHING_KEPT) == [0]
    for one, other in zip(epochs(tmp_path / "run"), epochs(home / "run"), strict=True):
        losses = [name for name in one if name.endswith("loss")]
        assert [float(one[n]) for n in losses] == pytest.approx([float(other[n]) for n in losses], abs=1e-5)
    mine, theirs = (load_file(at / "run" / "bundle" / "model.safetensors") for at in (tmp_path, home))
    for name, tensor in mine.items():
        torch.testing.assert_close(tensor, theirs[name], atol=1e-5, rtol=0, msg=name)
