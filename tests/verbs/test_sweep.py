import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.command import FEW, SMOKE, Server, until
from tests.verbs.test_launch import processes_of
from tlx.run.lock import acquire, release
from tlx.verbs.sweep import _print_table

FIGURES = ("val/accuracy", "test/accuracy")

SWEEP = "sweep_dir=sweeps/one"


def jobs(folder: Path) -> dict[str, dict[str, Any]]:
    """State of each job by its overrides."""
    found = {}
    for path in (folder / "sweeps" / "one" / "jobs").iterdir():
        varied = json.loads((path / "job.json").read_text())["overrides"]
        name = " ".join(f"{key}={value}" for key, value in varied.items())
        found[name] = json.loads((path / "state.json").read_text()) | {"folder": path}
    return found


def test_a_failing_job_costs_only_itself_and_resume_runs_what_is_missing(
    command: Server, tmp_path: Path
) -> None:
    result = command.run(tmp_path, "fit", "-m", *SMOKE, *FEW, "seed=0,-1,1", SWEEP)
    assert result.code == 8
    assert result.err.splitlines()[-1].startswith(
        "tlx: error[sweep]: 1 of 3 jobs failed: seed=-1. Try: tlx resume"
    )
    assert {name: job["status"] for name, job in jobs(tmp_path).items()} == {
        "seed=0": "finished",
        "seed=-1": "failed",
        "seed=1": "finished",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["sweeps"]
    home = tmp_path / "sweeps" / "one"
    assert {path.name for path in home.iterdir()} == {"jobs", "sweep.json", "sweep.html", "sweep.csv"}
    assert len(list(csv.DictReader((home / "sweep.csv").open()))) >= 1
    before = {
        name: (job["folder"] / "summary.json").stat().st_mtime_ns
        for name, job in jobs(tmp_path).items()
        if job["status"] == "finished"
    }
    broken = next(job["folder"] for name, job in jobs(tmp_path).items() if name == "seed=1")
    (broken / "state.json").write_text('{"status": "interrupted", "resumes": 0}')
    again = command.run(tmp_path / "sweeps", "resume", "one")
    assert again.code == 8
    assert again.out.count("is finished already") == 1
    after = jobs(tmp_path)
    assert (after["seed=0"]["folder"] / "summary.json").stat().st_mtime_ns == before["seed=0"]
    assert (after["seed=1"]["status"], after["seed=1"]["resumes"]) == ("finished", 1)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.slow
def test_each_job_on_two_devices_is_a_launch_of_its_own(command: Server, tmp_path: Path) -> None:
    argv = ("fit", "-m", *SMOKE, "trainer=ddp", "trainer.accelerator=cpu", "seed=0,1", SWEEP)
    result = command.run(tmp_path, *argv, "trainer.limit_train_batches=2", "trainer.limit_epochs=1")
    assert result.code == 0, result.err
    found = jobs(tmp_path)
    assert {name: job["status"] for name, job in found.items()} == {
        "seed=0": "finished",
        "seed=1": "finished",
    }
    summaries = [json.loads((job["folder"] / "summary.json").read_text()) for job in found.values()]
    assert {summary["seed"] for summary in summaries} == {0, 1}
    assert {summary["test/samples"] for summary in summaries} == {359}
    assert all(processes_of(job["folder"]) == [] for job in found.values())


def test_a_killed_job_costs_only_itself(command: Server, tmp_path: Path) -> None:
    long = ("strategy.epochs=4000,1", "trainer.limit_epochs=null")
    started = command.start(tmp_path, "fit", "-m", *SMOKE, *FEW, *long, SWEEP)
    home = tmp_path / "sweeps" / "one" / "jobs"
    pid = until(
        lambda: [
            json.loads(p.read_text())["pid"]
            for p in home.glob("*/state.json")
            if list((p.parent / "checkpoints").glob("*"))
        ]
    )[0]
    assert pid != started.pid
    os.kill(pid, signal.SIGKILL)
    result = started.wait()
    assert result.code == 8
    states = {name: (job["status"], job.get("error")) for name, job in jobs(tmp_path).items()}
    assert states == {
        "strategy.epochs=4000": ("failed", "killed by SIGKILL"),
        "strategy.epochs=1": ("finished", None),
    }


def test_a_sweep_that_is_asked_to_end_ends_with_its_job(command: Server, tmp_path: Path) -> None:
    long = ("strategy.epochs=4000,4001", "trainer.limit_epochs=null")
    started = command.start(tmp_path, "fit", "-m", *SMOKE, *FEW, *long, SWEEP)
    home = tmp_path / "sweeps" / "one" / "jobs"
    pid = until(
        lambda: [
            json.loads(p.read_text())["pid"]
            for p in home.glob("*/state.json")
            if list((p.parent / "checkpoints").glob("*"))
        ]
    )[0]
    os.kill(started.pid, signal.SIGTERM)
    result = started.wait()
    assert result.code == 143
    assert not Path(f"/proc/{pid}").exists()
    assert [job["status"] for job in jobs(tmp_path).values()] == ["interrupted"]


@pytest.mark.slow
def test_a_job_that_another_process_trains_is_left_to_it(command: Server, tmp_path: Path) -> None:
    argv = ("fit", "-m", *SMOKE, *FEW, "seed=0,1", SWEEP)
    assert command.run(tmp_path, *argv).code == 0
    taken = next((tmp_path / "sweeps" / "one" / "jobs").iterdir())
    state = json.loads((taken / "state.json").read_text()) | {"status": "interrupted"}
    (taken / "state.json").write_text(json.dumps(state))
    assert acquire(taken) is None
    try:
        result = command.run(tmp_path, "resume", "sweeps/one")
    finally:
        release(taken)
    assert result.code == 8
    assert f"is being trained by process {os.getpid()}" in result.err
    assert json.loads((taken / "state.json").read_text()) == state


def test_a_job_whose_key_is_open_is_refused_and_the_others_run(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "fit", "-m", *SMOKE, *FEW, "data=folder,digits", SWEEP)
    assert result.code == 8
    assert "data.root is not given" in result.err
    assert [job["status"] for job in jobs(tmp_path).values()] == ["finished"]


def test_a_sweep_never_stores_a_secret(command: Server, tmp_path: Path) -> None:
    result = command.run(tmp_path, "fit", "-m", *SMOKE, "+data.token=hunter2", "seed=0,1", SWEEP)
    assert result.code == 2
    assert "hunter2" not in result.err
    assert list(tmp_path.iterdir()) == []


def test_the_table_of_jobs_keeps_every_word_of_a_job(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"strategy=gradual_unfreezing model.head.dropout=0.{n} data.batch_size=1{n}" for n in range(3)]
    _print_table([(name, "failed: " + "a long reason " * 9, "0.1234", "") for name in names], FIGURES)
    out = capsys.readouterr().out
    assert all(sum(name in line for line in out.splitlines()) == 1 for name in names)
    monkeypatch.setenv("FORCE_COLOR", "1")
    _print_table([("x" * 90 + "END", "finished", "0.1234", "0.5678")], FIGURES)
    folded = capsys.readouterr().out
    assert folded.count("x") == 90
    assert "0.1234" in folded
    assert "…" not in folded


@pytest.mark.parametrize("text", ['{"overrides": 5}', "{", '{"overrides": [], "folder": 7}', "[" * 100_000])
def test_a_note_of_a_sweep_that_is_damaged_is_said_with_a_way_out(
    command: Server, tmp_path: Path, text: str
) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text(text)
    result = command.run(tmp_path, "resume", "sweep")
    assert (result.code, result.err.count("\n")) == (4, 1), result.err
    assert "sweep/sweep.json" in result.err
    assert "Try: tlx fit -m" in result.err


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ('sweep_dir="hx"', "hx"),
        ("sweep_dir=${oc.env:HX}/in", "home/in"),
        ("++sweep_dir=2024", "2024"),
        ("sweep_dir='a b'", "a b"),
    ],
)
def test_where_a_sweep_lives_is_read_as_any_other_key(
    command: Server, tmp_path: Path, word: str, name: str
) -> None:
    words = ("fit", "-m", *SMOKE, "seed=0", "data.per_class=zero")
    command.run(tmp_path, *words, word, HX=str(tmp_path / "home"))
    assert (tmp_path / name / "sweep.json").is_file()
    assert "sweep_dir" not in (tmp_path / name / "sweep.json").read_text()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sweep_dir=${seed}", "sweep_dir=${seed} cannot be resolved"),
        ("sweep_dir=a,b", "sweep_dir=a,b is not usable"),
        ("sweep_dir=[a]", "sweep_dir=[a] is not usable"),
    ],
)
def test_a_sweep_has_one_folder(command: Server, tmp_path: Path, word: str, said: str) -> None:
    result = command.run(tmp_path, "fit", "-m", *SMOKE, "seed=0,1", word)
    assert (result.code, said in result.err) == (2, True), result.err
    assert list(tmp_path.iterdir()) == []
