"""Runs, bundles, checkpoints and weights from a stranger: nothing in them is run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.command import FEW, SMOKE, Result, Server
from tests.faults.hostile import INSTANTIATOR, KINDS, save, save_packed, save_plain
from tests.test_damaged_checkpoints import cut_off, rewrite
from tests.verbs.conftest import finished
from tlx.checkpoint.durable import checkpoints, file_hash

__all__ = ["cut_off", "finished"]


def one_line(result: Result, *codes: int) -> str:
    assert result.code in codes, result.err
    assert len(result.err.splitlines()) == 1
    assert "Traceback" not in result.err
    return result.err


@pytest.mark.parametrize("write", [save, save_plain])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_run_code_are_refused(
    command: Server, tmp_path: Path, kind: str, write: Callable[[Any, Path], None]
) -> None:
    canary = tmp_path / "canary"
    write(KINDS[kind](canary), tmp_path / "weights.pth")
    argv = ("plan", "model=resnet18", f"model.weights={tmp_path / 'weights.pth'}")
    assert "nothing of it was run" in one_line(command.run(tmp_path, *argv), 7)
    assert not canary.exists()


def test_weights_that_unpack_to_more_than_they_hold_are_refused(command: Server, tmp_path: Path) -> None:
    save_packed({}, tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").stat().st_size < 1 << 18
    argv = ("plan", "model=resnet18", f"model.weights={tmp_path / 'weights.pth'}")
    assert "packed records" in one_line(command.run(tmp_path, *argv), 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_that_runs_code_is_refused(
    command: Server, cut_off: Path, tmp_path: Path, kind: str
) -> None:
    canary = tmp_path / "canary"
    for path in checkpoints(cut_off / "checkpoints"):
        torch.save(KINDS[kind](canary), path)
        path.with_name(f"{path.name}.sha256").write_text(f"{file_hash(path)}  {path.name}\n")
    assert "nothing of it was run" in one_line(command.run(tmp_path, "resume", "run"), 7)
    assert not canary.exists()


def test_what_lightning_once_ran_from_a_checkpoint_is_not_looked_at(
    command: Server, cut_off: Path, tmp_path: Path
) -> None:
    rewrite(cut_off, lambda content: content.update(INSTANTIATOR))
    result = command.run(tmp_path, "resume", "run")
    assert result.code == 0, result.err
    assert not list(tmp_path.rglob("CANARY"))


FOREIGN = {
    "os.mkdir": {"path": "canary"},
    "logging.os.mkdir": {"path": "canary"},
    "builtins.eval": {},
    "torch.hub.load": {},
    "tlx.data.folder.os.mkdir": {"path": "canary"},
    "tlx.cli.main": {"argv": ["fit", "trust=[os]", "run_dir=canary"]},
    "tlx.api.fit": {"run_dir": "canary"},
    "tlx.run.directory.write_text": {"path": "canary", "text": "x"},
}
PLACES = [(place, target) for place in ("model", "data") for target in FOREIGN]
PLACES += [
    (place, target)
    for place in ("model.head", "strategy", "optimizer", "trainer", "task")
    for target in ("os.mkdir", "tlx.cli.main")
]


@pytest.mark.parametrize(("place", "target"), PLACES)
def test_a_run_that_names_something_foreign_is_refused(
    command: Server, cut_off: Path, tmp_path: Path, place: str, target: str
) -> None:
    from omegaconf import OmegaConf

    config = OmegaConf.load(cut_off / "config.yaml")
    OmegaConf.update(config, place, {"_target_": target, **FOREIGN[target]}, merge=False, force_add=True)
    if place == "model":
        config.model.head = {"_target_": "tlx.heads.linear.Linear"}
    config.trust = ["os", "builtins", "torch", "logging"]
    for name in ("config.yaml", ".config.yaml"):
        OmegaConf.save(config, cut_off / name)
    one_line(command.run(tmp_path, "resume", "run"), 7, 2)
    assert not list(tmp_path.rglob("canary"))


@pytest.mark.parametrize("part", ["backbone", "head", "preprocessing", "task"])
def test_a_bundle_that_names_something_foreign_is_refused(
    command: Server, finished: Path, tmp_path: Path, part: str
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / "bundle" / "bundle.json"
    meta = json.loads(path.read_text()) | {part: {"_target_": "os.mkdir", "path": "canary"}}
    path.write_text(json.dumps(meta | {"trust": ["os"]}))
    for verb in (("test", "run"), ("predict", "run", "split=test")):
        one_line(command.run(tmp_path, *verb), 7)
    assert not list(tmp_path.rglob("canary"))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", "[" * 100_000, '{"format": 1}', '{"format": "x"}', '{"format": 1e999, "backbone": 1}'],
)
def test_a_bundle_that_is_none_is_refused(
    command: Server, finished: Path, tmp_path: Path, content: str
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "bundle" / "bundle.json").write_text(content)
    assert "bundle" in one_line(command.run(tmp_path, "test", "run"), 4)


def test_a_bundle_of_a_newer_tlx_is_refused_with_both_versions(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    path = tmp_path / "run" / "bundle" / "bundle.json"
    meta = json.loads(path.read_text())
    path.write_text(json.dumps(meta | {"versions": {"tlx": "99.1"}}))
    assert "the bundle was made by tlx 99.1, this is " in one_line(command.run(tmp_path, "test", "run"), 4)


def test_a_sweep_cannot_say_whom_to_trust(command: Server, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    for word in ("trust=[os]", "+trust=[os]", "++hydra.job.env_set.LD_PRELOAD=/tmp/x.so"):
        note = {"overrides": [*SMOKE, "seed=0,1", word], "folder": str(tmp_path)}
        (tmp_path / "sweep" / "sweep.json").write_text(json.dumps(note))
        assert "says whom to trust" in one_line(command.run(tmp_path, "resume", "sweep"), 7)


@pytest.mark.parametrize("name", ["log.txt", "metrics.csv", "crash.log", "state.json"])
def test_a_run_that_would_write_elsewhere_is_refused(
    command: Server, cut_off: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine").write_text("mine")
    (cut_off / name).unlink(missing_ok=True)
    (cut_off / name).symlink_to(tmp_path / "mine")
    assert "a link that leads out of the run" in one_line(command.run(tmp_path, "resume", "run"), 7)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("name", ["checkpoints", "bundle", "bundle/architecture", ".state.json.7.tmp"])
def test_a_folder_of_a_run_that_leads_elsewhere_is_refused_and_nothing_there_is_touched(
    command: Server, cut_off: Path, tmp_path: Path, name: str
) -> None:
    """What is written into, pruned or swept may lie at any depth."""
    mine = tmp_path / "mine"
    mine.mkdir()
    for file in ("model.safetensors", "bundle.json", ".hidden.tmp", "config.json"):
        (mine / file).write_text("mine")
    link = cut_off / name
    if link.is_dir():
        shutil.rmtree(link)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(mine)
    for words in (("resume", "run"), ("fit", *SMOKE, "run_dir=run"), ("report", "run"), ("test", "run")):
        assert "a link that leads out of the run" in one_line(command.run(tmp_path, *words), 7)
    assert {path.read_text() for path in mine.iterdir()} == {"mine"}
    assert len(list(mine.iterdir())) == 4


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("jobs", marks=pytest.mark.slow),
        "jobs/JOB",
        pytest.param("jobs/JOB/checkpoints", marks=pytest.mark.slow),
        "sweep.html",
    ],
)
def test_a_sweep_that_leads_elsewhere_is_refused(command: Server, tmp_path: Path, name: str) -> None:
    argv = ("fit", "-m", *SMOKE, *FEW, "seed=0", "sweep_dir=sweep")
    assert command.run(tmp_path, *argv).code == 0
    (job,) = (tmp_path / "sweep" / "jobs").iterdir()
    (job / "state.json").write_text("{}")
    link, mine = tmp_path / "sweep" / name.replace("JOB", job.name), tmp_path / "mine"
    mine.mkdir()
    (mine / "model.safetensors").write_text("mine")
    shutil.rmtree(link) if link.is_dir() else link.unlink()
    link.symlink_to(mine)
    for words in (("resume", "sweep"), argv, *([("report", "sweep")] if name == "sweep.html" else [])):
        result = command.run(tmp_path, *words)
        assert "a link that leads out of" in result.err
        assert result.code == 7
    assert [path.name for path in mine.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("name", ["log.txt", "state.json"])
def test_a_file_of_a_run_that_is_none_is_said_with_a_way_out(
    command: Server, cut_off: Path, tmp_path: Path, name: str
) -> None:
    (cut_off / name).unlink(missing_ok=True)
    (cut_off / name).mkdir()
    said = one_line(command.run(tmp_path, "resume", "run"), 4)
    assert f"run/{name} is no file" in said
    assert "Try: " in said


@pytest.mark.parametrize(
    "text",
    [
        "model: !!python/object/apply:os.mkdir [canary]",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "model: {_target_: tlx.heads.linear.Liner}",
    ],
)
def test_a_config_that_is_more_than_values_is_refused(
    command: Server, cut_off: Path, tmp_path: Path, text: str
) -> None:
    (cut_off / "config.yaml").write_text(text)
    one_line(command.run(tmp_path, "resume", "run"), 2)
    assert not list(tmp_path.rglob("canary"))


def test_a_slip_in_a_target_is_a_setting_with_the_nearest_name(command: Server, tmp_path: Path) -> None:
    argv = ("plan", "model.head._target_=tlx.heads.linear.Liner")
    assert "Try: tlx.heads.linear.Linear" in one_line(command.run(tmp_path, *argv), 2)


def test_a_run_name_of_300_characters_is_a_setting(command: Server, tmp_path: Path) -> None:
    for argv in (("fit", *SMOKE, f"run_dir={'x' * 300}"), ("fit", "-m", *SMOKE, f"sweep_dir={'x' * 300}")):
        assert "at most 255 bytes" in one_line(command.run(tmp_path, *argv), 2)
    one_line(command.run(tmp_path, "resume", "x" * 300), 2, 4)
    assert list(tmp_path.iterdir()) == []
