import json
import os
import shutil
import signal
from pathlib import Path

from PIL import Image

from tests.command import FEW, SMOKE, Server, until
from tests.faults.outcome import differences, outcome
from tlx.composition.changes import FREE
from tlx.run.lock import acquire, release


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
    for name in ("config.yaml", ".config.yaml"):
        (run / name).write_text(text.replace("model:\n", "model:\n  object: given as an object\n"))
    result = command.run(tmp_path, "resume", "run")
    assert (result.code, "made from Python objects" in result.err) == (2, True)


def test_a_killed_command_goes_on_to_the_bits_of_one_that_was_not(command: Server, tmp_path: Path) -> None:
    """The whole way: overrides, config.yaml, SIGKILL in a later phase, `tlx resume`."""
    short = (*FEW, "strategy.head_epochs=1", "strategy.epochs_per_phase=1", "data.num_workers=2")
    short += ("page=false", "trainer.checkpoint_steps=1", "trainer=cpu")
    argv = ("fit", *short, "model.head.dropout=0.3")
    assert command.run(tmp_path, *argv, "run_dir=whole").code == 0
    started = command.start(tmp_path, *argv, "run_dir=killed")
    metrics = tmp_path / "killed" / "metrics.csv"
    until(lambda: metrics.exists() and metrics.read_text().count("\n") >= 3)
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait().code == -signal.SIGKILL
    resumed = command.run(tmp_path, "resume", "killed")
    assert resumed.code == 0, resumed.err
    assert differences(outcome(tmp_path / "killed"), outcome(tmp_path / "whole")) == []


def unfinished(finished: Path, run: Path) -> None:
    """A copy of a run that was cut off in its conclusion."""
    shutil.copytree(finished, run)
    (run / "summary.json").unlink()
    state = json.loads((run / "state.json").read_text()) | {"status": "interrupted"}
    (run / "state.json").write_text(json.dumps(state))


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


def test_a_finished_run_is_complete_and_nothing_of_it_is_written_again(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    before = everything(tmp_path)
    for words in ((), ("data.num_workers=2",), ("allow_change=true",)):
        result = command.run(tmp_path, "resume", "run", *words)
        assert (result.code, "run is already complete" in result.out) == (0, True)
        assert everything(tmp_path) == before


def test_a_finished_run_goes_on_when_it_shall_be_longer(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    result = command.run(tmp_path, "resume", "run", "trainer.limit_epochs=3")
    assert result.code == 0, result.err
    assert "changed: trainer.limit_epochs 1 -> 3" in result.out
    assert "limit_epochs: 3" in (run / "config.yaml").read_text()
    assert json.loads((run / "summary.json").read_text())["train/epochs"] == 3
    log = (run / "log.txt").read_text()
    assert "2 epochs, its schedule begins anew" in log
    assert log.index("epoch 1/1") < log.index("changed: trainer") < log.index("epoch 2/3")
    assert len(json.loads((run / "plan.json").read_text())["phases"]) == 2
    for word, said in (
        ("trainer.limit_epochs=2", "every phase is over after 3 epochs"),
        ("mixup=0.2", "is finished, and mixup=0.2 instead of 0.0 would change nothing of it"),
    ):
        refused = command.run(tmp_path, "resume", "run", word, "allow_change=true")
        assert (refused.code, said in refused.err) == (2, True), refused.err
    assert "limit_epochs: 3" in (run / "config.yaml").read_text()


def test_another_config_is_refused_with_the_difference_unless_the_change_is_allowed(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    unfinished(finished, run)
    before = everything(run)
    for word, said in (
        ("data.batch_size=8", "data.batch_size=32 there and 8 here"),
        ("trainer.accumulate_grad_batches=2", "trainer.accumulate_grad_batches=1 there and 2 here"),
        ("allow_change=perhaps", "allow_change='perhaps'"),
        ("data.batch_sise=8", "no key 'data.batch_sise'"),
    ):
        refused = command.run(tmp_path, "resume", "run", word)
        assert (refused.code, said in refused.err) == (2, True), refused.err
        assert refused.err.count("\n") == 1
    assert everything(run) == before
    allowed = command.run(tmp_path, "resume", "run", "data.batch_size=8", "allow_change=true")
    assert allowed.code == 0, allowed.err
    assert "\n  batch_size: 8\n" in (run / "config.yaml").read_text()
    assert "changed: data.batch_size 32 -> 8" in (run / "log.txt").read_text()


def test_an_edit_of_the_config_by_hand_counts_as_asked_for(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    unfinished(finished, run)
    config = run / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("batch_size: 32", "batch_size: 8").replace("seed: 0", "seed: 3"))
    refused = command.run(tmp_path, "resume", "run")
    assert refused.code == 2
    for said in ("data.batch_size=32 there and 8 here", "run/config.yaml was edited", "allow_change=true"):
        assert said in refused.err
    config.write_text(f"# mine\n{text}".replace("checkpoint_seconds: 60.0", "checkpoint_seconds: 5"))
    free = command.run(tmp_path, "resume", "run")
    assert free.code == 0, free.err
    log = run / "log.txt"
    assert "changed: trainer.checkpoint_seconds 60.0 -> 5" in log.read_text()
    config.write_text(config.read_text().replace("limit_epochs: 1", "limit_epochs: 2"))
    longer = command.run(tmp_path, "resume", "run")
    assert longer.code == 0, longer.err
    assert json.loads((run / "summary.json").read_text())["train/epochs"] == 2
    (run / ".config.yaml").unlink()
    (run / "state.json").write_text('{"status": "interrupted"}')
    before_copies = command.run(tmp_path, "resume", "run")
    assert before_copies.code == 0, before_copies.err
    assert (run / ".config.yaml").read_text() == config.read_text()


def test_what_changes_no_bit_may_change_and_is_written_down(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    unfinished(finished, run)
    result = command.run(tmp_path, "resume", "run", "trainer.checkpoint_seconds=5", "data.num_workers=1")
    assert result.code == 0, result.err
    assert "checkpoint_seconds: 5" in (run / "config.yaml").read_text()
    assert "changed: trainer.checkpoint_seconds 60.0 -> 5" in (run / "log.txt").read_text()


def test_other_data_is_refused_with_the_file_unless_the_change_is_allowed(
    command: Server, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    for name, shade in (("cat", 40), ("dog", 160)):
        for number in range(10):
            path = photos / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), shade + number).save(path)
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = ("data=folder", "data.root=photos", "data.train=null", "run_dir=whole")
    begun = command.run(tmp_path, "fit", *SMOKE, *words, **cache)
    assert begun.code == 0, begun.err
    run = tmp_path / "run"
    unfinished(tmp_path / "whole", run)
    os.utime(photos / "cat" / "3.png", ns=(1, 1))
    touched = command.run(tmp_path, "resume", "run", **cache)
    assert touched.code == 0, touched.err
    shutil.rmtree(run)
    unfinished(tmp_path / "whole", run)
    shutil.copytree(photos, tmp_path / "other")
    Image.new("L", (8, 8), 90).save(tmp_path / "other" / "cat" / "3.png")
    before = everything(run)
    refused = command.run(tmp_path, "resume", "run", "data.root=other", **cache)
    assert refused.code == 3
    assert "changed: cat/3.png" in refused.err
    assert everything(run) == before
    allowed = command.run(tmp_path, "resume", "run", "data.root=other", "allow_change=true", **cache)
    assert allowed.code == 0, allowed.err
    assert f"root: {tmp_path / 'other'}" in (run / "config.yaml").read_text()
    assert "changed: cat/3.png" in (run / "log.txt").read_text()


def test_the_jobs_of_a_sweep_go_on_with_what_they_were_begun_with(command: Server, tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    result = command.run(tmp_path, "resume", "sweep", "seed=3")
    assert (result.code, "is a sweep" in result.err) == (2, True)


def test_the_help_names_every_key_that_is_free_to_change(command: Server, tmp_path: Path) -> None:
    said = command.run(tmp_path, "resume", "--help").out
    assert all(f"  {key:26} {why}" in said for key, why in FREE.items())
