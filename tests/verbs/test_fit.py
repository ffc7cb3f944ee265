import json
import os
from pathlib import Path

import pytest
import yaml

from tests.command import FEW, SMOKE, Server

RUN = "run_dir=runs/one"


def test_a_run_directory_is_complete_and_nothing_else_appears(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "fit", *SMOKE, *FEW, "page=true", RUN)
    assert result.code == 0, result.err
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    run = tmp_path / "runs" / "one"
    expected = {
        "config.yaml",
        ".config.yaml",
        "data.json",
        "samples.npz",
        "data_samples.jsonl.gz",
        "plan.json",
        "phases.json",
        "metrics.csv",
        "log.txt",
        "state.json",
        "checkpoints",
    }
    expected |= {"bundle", "evaluation.json", "summary.json", "report.html"}
    assert {path.name for path in run.iterdir()} == expected
    state = json.loads((run / "state.json").read_text())
    assert (state["status"], state["resumes"]) == ("finished", 0)
    assert "page     runs/one/report.html" in result.out
    again = command.run(tmp_path, "fit", *SMOKE, *FEW, RUN)
    assert again.code == 2
    assert "runs/one is finished and is not overwritten. Try: tlx report runs/one" in again.err


def test_a_run_is_named_by_its_config_and_not_by_the_clock(command: Server, tmp_path: Path) -> None:
    first = command.run(tmp_path, "fit", *SMOKE, *FEW)
    second = command.run(tmp_path, "fit", *reversed((*SMOKE, *FEW)))
    assert (first.code, second.code) == (0, 2)
    assert "is finished" in second.err


def test_an_interrupted_run_names_resume_and_can_be_resumed(command: Server, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    argv = ("fit", "model.weights=null", "strategy=feature_extraction", "strategy.epochs=3", RUN)
    argv += (*FEW, "trainer.limit_val_batches=2", "page=false")
    stopped = command.run(tmp_path, *argv, FAULT="signal:SIGTERM:on_train_batch_start:2")
    assert stopped.code == 143
    assert stopped.err.startswith("tlx: terminated; saved up to step 3. ")
    assert json.loads((run / "state.json").read_text())["status"] == "interrupted"
    refused = command.run(tmp_path, *argv)
    assert (refused.code, "Try: tlx resume runs/one" in refused.err) == (2, True)
    resumed = command.run(tmp_path, "resume", "runs/one")
    assert resumed.code == 0, resumed.err
    state = json.loads((run / "state.json").read_text())
    assert (state["status"], state["resumes"]) == ("finished", 1)
    assert "is already complete" in command.run(tmp_path, "resume", "runs/one").out


def test_a_run_that_failed_before_its_first_checkpoint_starts_anew(command: Server, tmp_path: Path) -> None:
    argv = ("fit", *SMOKE, "data=folder", "data.root=photos", RUN)
    failed = command.run(tmp_path, *argv)
    assert failed.code == 3
    assert failed.err.count("\n") == 1
    run = tmp_path / "runs" / "one"
    assert json.loads((run / "state.json").read_text())["status"] == "failed"
    assert "Traceback" in (run / "crash.log").read_text()
    assert yaml.safe_load((run / "config.yaml").read_text())["data"]["root"] == str(tmp_path / "photos")
    assert command.run(tmp_path, "fit", *SMOKE, *FEW, RUN).code == 0
    assert not (run / "crash.log").exists()


@pytest.mark.parametrize("wrong", ["data.batch_size=many", "optimizer.betas=[0.9]", "trainer.precision=12"])
def test_a_config_that_cannot_be_built_leaves_no_directory(
    command: Server, tmp_path: Path, wrong: str
) -> None:
    result = command.run(tmp_path, "fit", *SMOKE, RUN, wrong)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_being_trained_is_left_alone(command: Server, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("seed: 0\n")
    state = {"status": "running", "pid": os.getpid(), "host": os.uname().nodename}
    (run / "state.json").write_text(json.dumps(state))
    for argv in (("fit", *SMOKE, RUN), ("resume", "runs/one")):
        result = command.run(tmp_path, *argv)
        assert result.code == 4
        assert f"is being trained by process {os.getpid()} on {os.uname().nodename}" in result.err


def test_other_files_are_not_mixed_with_a_run(command: Server, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    result = command.run(tmp_path, "fit", *SMOKE, "run_dir=notes")
    assert (result.code, "notes holds other files" in result.err) == (2, True)
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["a.txt"]


def test_the_environment_is_read_but_not_written_down(command: Server, tmp_path: Path) -> None:
    argv = ("fit", *SMOKE, *FEW, RUN, "data.augment=${oc.env:HOW_TO_AUGMENT}")
    assert command.run(tmp_path, *argv, HOW_TO_AUGMENT="none").code == 0
    text = (tmp_path / "runs" / "one" / "config.yaml").read_text()
    assert "augment: ${oc.env:HOW_TO_AUGMENT}" in text
    missing = command.run(tmp_path, "plan", *SMOKE, "data.augment=${oc.env:NOT_SET_ANYWHERE}")
    assert (missing.code, "'NOT_SET_ANYWHERE' not found" in missing.err) == (2, True)


def test_a_secret_as_plain_text_is_refused_before_anything_is_written(
    command: Server, tmp_path: Path
) -> None:
    result = command.run(tmp_path, "fit", *SMOKE, "+data.api_key=hunter2")
    assert result.code == 2
    assert "data.api_key holds a secret" in result.err
    assert "hunter2" not in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_announced_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may come right behind the line."""
    from tlx.composition.compose import compose
    from tlx.verbs.fit import _begun

    run, seen = tmp_path / "run", []
    said = lambda *_, **__: seen.append((run / "config.yaml").is_file())  # noqa: E731
    monkeypatch.setattr("tlx.verbs.fit.print", said, raising=False)
    with pytest.raises(KeyboardInterrupt), _begun(run, compose("fit").config):
        raise KeyboardInterrupt
    assert seen == [True]


def test_a_cache_that_has_no_place_is_refused_before_there_is_a_run(command: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for verb in ("fit", "plan", "doctor"):
        result = command.run(tmp_path, verb, *SMOKE, "cache=disk", "cache.folder=file/features")
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert "file is a file" in result.err and "Try: cache.folder=FOLDER" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
