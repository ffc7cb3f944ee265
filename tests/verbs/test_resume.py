import json
import os
import shutil
import signal
from pathlib import Path

from tests.command import Server, until
from tests.faults.outcome import differences, outcome
from tlx.run_lock import acquire, release


def test_a_run_whose_page_was_cut_off_is_concluded_again(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    for name in ("report.html", "summary.json"):
        (run / name).unlink()
    state = json.loads((run / "state.json").read_text()) | {"status": "interrupted"}
    (run / "state.json").write_text(json.dumps(state))
    result = command.run(tmp_path, "resume", "run")
    assert result.code == 0, result.err
    seconds = ("train/seconds",)
    before, after = (json.loads((folder / "summary.json").read_text()) for folder in (finished, run))
    assert {k: v for k, v in before.items() if k not in seconds} == {
        k: v for k, v in after.items() if k not in seconds
    }
    assert (run / "report.html").is_file()


def test_one_run_is_resumed_by_one_process(command: Server, finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    assert acquire(run) is None
    try:
        assert command.run(tmp_path, "report", "run").code == 0
        state = json.loads((run / "state.json").read_text()) | {"status": "interrupted"}
        (run / "state.json").write_text(json.dumps(state))
        result = command.run(tmp_path, "resume", "run")
        assert result.code == 4
        assert f"run is being trained by process {os.getpid()} on {os.uname().nodename}" in result.err
        assert json.loads((run / "state.json").read_text()) == state
    finally:
        release(run)


def test_an_unfinished_run_is_not_used(command: Server, finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "state.json").write_text('{"status": "interrupted"}')
    for argv in (("test", "run"), ("predict", "run", "split=test")):
        result = command.run(tmp_path, *argv)
        assert result.code == 4
        assert "run is not finished (interrupted). Try: tlx resume run" in result.err


def test_a_run_made_of_python_objects_is_left_to_python(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "state.json").write_text('{"status": "interrupted"}')
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("model:\n", "model:\n  object: given as an object\n"))
    result = command.run(tmp_path, "resume", "run")
    assert (result.code, "made from Python objects" in result.err) == (2, True)


def test_a_killed_command_goes_on_to_the_bits_of_one_that_was_not(command: Server, tmp_path: Path) -> None:
    """The whole way: overrides, config.yaml, SIGKILL in a later phase, `tlx resume`."""
    short = (
        "data.per_class=4",
        "strategy.head_epochs=1",
        "strategy.epochs_per_phase=1",
        "data.num_workers=2",
    )
    argv = ("fit", *short, "model.head.dropout=0.3", "trainer.checkpoint_steps=1", "trainer=cpu")
    assert command.run(tmp_path, *argv, "run_dir=whole").code == 0
    started = command.start(tmp_path, *argv, "run_dir=killed")
    metrics = tmp_path / "killed" / "metrics.csv"
    until(lambda: metrics.exists() and metrics.read_text().count("\n") >= 3)
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait().code == -signal.SIGKILL
    resumed = command.run(tmp_path, "resume", "killed")
    assert resumed.code == 0, resumed.err
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []
