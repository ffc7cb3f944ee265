import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.command import Server, until
from tlx.composition.compose import compose
from tlx.verbs.sequence import prepared

SMALL = (
    "model.weights=null", "trainer=cpu", "sequence.tasks=2", "strategy=full", "strategy.epochs=2",
    "data.per_class=6", "trainer.checkpoint_steps=1", "strategy.backbone_rate=1e-3", "data.batch_size=8",
    "data.val_fraction=0.02", "data.test_fraction=0.02",
)  # fmt: skip
HELD = ("regularizer=[ewc,replay]", "regularizer.ewc.samples=10", "regularizer.replay.samples=6")


def learnt(command: Server, folder: Path, *words: str) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    result = command.run(folder, "sequence", *SMALL, *words, "run_dir=one")
    assert result.code == 0, result.err
    assert ("nothing is held on to" in result.out) == (HELD[0] in words)
    found: dict[str, Any] = json.loads((folder / "one" / "result.json").read_text())
    return found


@pytest.mark.parametrize("scenario", [pytest.param("task", marks=pytest.mark.slow), "domain"])
def test_tasks_are_learnt_one_after_another_and_all_measured_after_each(
    scenario: str, command: Server, tmp_path: Path
) -> None:
    found = learnt(command, tmp_path, f"scenario={scenario}", *HELD)
    matrix = found["matrix"]
    assert len(matrix) == 3 and all(len(row) == 2 for row in matrix)
    assert found["tasks"] == ["0 to 4", "5 to 9"] and found["measured_on"] == "test"
    assert found["test/average_accuracy"] == pytest.approx(sum(matrix[-1]) / 2)
    home = tmp_path / "one"
    second = json.loads((home / "tasks" / "02" / "summary.json").read_text())
    # what the run itself measured of its own task, and of the one before, is what the matrix has
    assert second["test/accuracy"] == pytest.approx(matrix[2][1])
    assert second["source/accuracy_after"] == pytest.approx(matrix[2][0])
    assert second["source/accuracy_before"] == pytest.approx(matrix[1][0])
    page = (home / "report.html").read_text()
    assert f"{100 * matrix[2][0]:.1f}" in page
    assert "is already complete" in command.run(tmp_path, "resume", "one").out
    assert command.run(tmp_path, "report", "one").code == 0


def test_where_no_task_changes_after_it_was_learnt_nothing_was_forgotten(
    command: Server, tmp_path: Path
) -> None:
    """A frozen backbone and a head for each task: what answers a task is what it was."""
    words = ("model=mlp", "model.hidden=[32]", "trainer=cpu", "data.per_class=6", "data.batch_size=8")
    frozen = ("strategy=feature_extraction", "strategy.epochs=1", "scenario=task", "page=false")
    assert command.run(tmp_path, "sequence", *words, *frozen, "run_dir=one").code == 0
    found = json.loads((tmp_path / "one" / "result.json").read_text())
    matrix = found["matrix"]
    assert all(matrix[t][i] == matrix[i + 1][i] for i in range(5) for t in range(i + 1, 6))
    assert any(matrix[t][i] > matrix[-1][i] for i in range(5) for t in range(1, i + 1))
    assert found["test/forgetting"] == 0 == found["test/backward_transfer"]


def test_a_killed_sequence_goes_on_to_the_same_bits(command: Server, tmp_path: Path) -> None:
    held = (*HELD, "page=false", "init_optimizer=kept")
    whole = learnt(command, tmp_path / "whole", *held)
    killed = tmp_path / "killed"
    killed.mkdir()
    started = command.start(killed, "sequence", *SMALL, *held, "run_dir=one")
    until(lambda: any((killed / "one" / "tasks" / "02" / "checkpoints").glob("*.ckpt")))
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait().code == -signal.SIGKILL
    assert not (killed / "one" / "result.json").exists()
    refused = command.run(killed, "sequence", *SMALL, *held, "run_dir=one")
    assert refused.code == 2 and "Try: tlx resume one" in refused.err
    again = command.run(killed, "resume", "one")
    assert again.code == 0, again.err
    assert json.loads((killed / "one" / "result.json").read_text()) == whole
    for task in ("01", "02"):
        folders = [folder / "one" / "tasks" / task / "bundle" for folder in (tmp_path / "whole", killed)]
        hashes = [json.loads((folder / "bundle.json").read_text())["weights_sha256"] for folder in folders]
        assert hashes[0] == hashes[1], task


@pytest.mark.slow
def test_a_row_that_is_gone_is_measured_again(command: Server, tmp_path: Path) -> None:
    whole = learnt(command, tmp_path)
    home = tmp_path / "one"
    shutil.rmtree(home / "rows")
    (home / "result.json").unlink()
    assert command.run(tmp_path, "resume", "one").code == 0
    assert json.loads((home / "result.json").read_text()) == whole


@pytest.mark.slow
def test_sequences_are_swept_and_compared(command: Server, tmp_path: Path) -> None:
    words = (*SMALL, "trainer.limit_epochs=1", "regularizer=none,l2sp", "sweep_dir=sweep")
    result = command.run(tmp_path, "sequence", "-m", *words)
    assert result.code == 0, result.err
    assert "test/average_accuracy" in result.out and "val/" not in result.out
    table = (tmp_path / "sweep" / "sweep.csv").read_text()
    assert "test/average_accuracy/mean" in table and "test/forgetting/low" in table
    assert "Test average accuracy" in (tmp_path / "sweep" / "sweep.html").read_text()
    again = command.run(tmp_path, "resume", "sweep")
    assert again.code == 0 and again.out.count("is finished already") == 2


@pytest.mark.slow
def test_a_sweep_of_sequences_that_was_killed_goes_on_to_the_same_bits(
    command: Server, tmp_path: Path
) -> None:
    words = (*SMALL, "regularizer=l2sp", "seed=0,1", "page=false", "sweep_dir=sweep")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    assert command.run(whole, "sequence", "-m", *words).code == 0
    started = command.start(killed, "sequence", "-m", *words)
    checkpoints = "jobs/*seed0*/tasks/02/checkpoints/*.ckpt"
    until(lambda: any((killed / "sweep").glob(checkpoints)))
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait().code == -signal.SIGKILL
    assert not any((killed / "sweep").glob("jobs/*seed1*"))
    again = command.run(tmp_path, "resume", "killed/sweep")
    assert again.code == 0, again.err
    found = sorted((whole / "sweep").glob("jobs/*/result.json"))
    assert len(found) == 2
    for path in found:
        other = killed / path.relative_to(whole)
        assert json.loads(other.read_text())["matrix"] == json.loads(path.read_text())["matrix"]
        weights = path.parent / "tasks" / "02" / "bundle" / "model.safetensors"
        assert weights.read_bytes() == (killed / weights.relative_to(whole)).read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data@source=digits"], "the source of each task are the tasks before it"),
        (["scenario=class"], "scenario"),
        (["task=regression"], "task=multiclass"),
        (["init_head=kept"], "scenario=task or scenario=domain"),
        (["sequence.tasks=3"], "a divisor of the 10 classes"),
        (["trainer.num_nodes=2"], "trainer.num_nodes=1"),
        (["sequence.tasks=two"], "a whole number"),
        (["sequence=data_sets"], "sequence.tasks is not given"),
        (["sweep_dir=here"], "run_dir=PATH, or add -m"),
        (["regularizer=l2sp", "regularizer.l2sp.strength=-1"], "regularizer.l2sp.strength=-1"),
        (["regularizer=[ewc,l2sp]", "regularizer.ewc.estimator=foo"], "no regularizer.ewc.estimator 'foo'"),
        (["strategy=full", "strategy.epochs=0"], "epochs=0"),
        (["strategy=partial", "strategy.unfrozen=99"], "unfrozen=99"),
        (["optimizer.weight_decay=-1"], "weight_decay"),
        (["cache.folder=/dev/null/here", "cache.ram=0"], "/dev/null/here"),
        (["init_optimizer=keept", "trainer=smoke"], "no init_optimizer 'keept'"),
        (
            ["init_optimizer=kept", "strategy=scratch", "trainer=smoke"],
            "nothing that is there already trains",
        ),
    ],
)
def test_what_cannot_be_a_sequence_is_refused_before_there_is_a_directory(
    words: list[str], said: str, command: Server, tmp_path: Path
) -> None:
    result = command.run(tmp_path, "sequence", *words)
    assert result.code == 2 and said in result.err
    assert not list(tmp_path.iterdir())


OF = "{_target_: tlx.data.by_classes.ByClasses, of: {_target_: tlx.data.digits.Digits}, classes: [%s]}"


@pytest.mark.parametrize(
    "task",
    [
        "data=by_classes data.classes=[0,1] data@data.of=digits",
        "data=by_classes data@data.of=portion data@data.of.of=digits data.classes=[0,1] data.of.train=0.5",
        "data=few_shot data@data.of=digits data.shots=3",
        "data=corrupted data@data.of=digits data.severity=2",
        "data=permuted data@data.of=digits data.order_seed=1",
        f"data=joined 'data.of=[{OF % '0,1'},{OF % '2,3'}]'",
    ],
)
def test_a_task_may_be_data_made_of_data(task: str, tmp_path: Path) -> None:
    words = ["sequence=data_sets", f'sequence.tasks=["data=digits","{task}"]', "trainer=cpu"]
    assert callable(prepared(tmp_path, "sequence", compose("sequence", words)))


def test_another_folder_is_not_overwritten(command: Server, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "thesis.txt").write_text("mine")
    result = command.run(tmp_path, "sequence", *SMALL, "run_dir=one")
    assert result.code == 2 and "holds other files" in result.err
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["thesis.txt"]


def test_what_asks_for_a_single_run_names_the_tasks(command: Server, tmp_path: Path) -> None:
    """Once there is a directory: what a sequence holds by then is enough."""
    for task in ("01", "02"):
        (tmp_path / "one" / "tasks" / task).mkdir(parents=True)
    (tmp_path / "one" / "sequence.yaml").touch()
    for words in (["test", "one"], ["predict", "one", "split=test"], ["fit", *SMALL[:2], "init_from=one"]):
        result = command.run(tmp_path, *words)
        assert result.code == 4, words
        assert "is a sequence of tasks, each a run of its own" in result.err
        assert "Try: a run in it: one/tasks/01, one/tasks/02" in result.err
