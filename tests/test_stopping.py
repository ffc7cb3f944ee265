"""Somebody asks a run to end: it saves at the next optimizer step, and resumes to the bit."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command import FEW, SMOKE, Server, until
from tests.faults.outcome import differences, outcome
from tlx.checkpoint.durable import newest

RUN = "run_dir=runs/one"
SHORT = ("fit", "model.weights=null", "strategy=full", "strategy.epochs=2", RUN)
SHORT += (*FEW, "data.batch_size=4", "trainer.limit_val_batches=2", "page=false")
BATCHES = 10
LONG = ("strategy.epochs=400", "data.per_class=null", "data.batch_size=1", "trainer.checkpoint_steps=5")


@pytest.fixture(scope="module")
def never_stopped(command: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert command.run(folder, *SHORT).code == 0
    return folder / "runs" / "one"


def position(run: Path) -> int:
    """Twice the batches of the newest checkpoint, plus one at an epoch's end."""
    path = newest(run / "checkpoints")
    assert path is not None
    return int(path.stem)


def state(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "state.json").read_text())
    return found


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("SIGTERM", 143, "tlx: terminated; saved up to step 3. Try: tlx resume runs/one"),
        pytest.param(
            *("SIGHUP", 143, "tlx: terminated; saved up to step 3. Try: tlx resume runs/one"),
            marks=pytest.mark.slow,
        ),
        ("SIGINT", 130, "tlx: interrupted; saved up to step 3. Try: tlx resume runs/one"),
    ],
)
def test_a_signal_saves_the_step_it_comes_in_and_the_run_resumes_to_the_bit(
    command: Server, never_stopped: Path, tmp_path: Path, name: str, code: int, line: str
) -> None:
    run = tmp_path / "runs" / "one"
    stopped = command.run(tmp_path, *SHORT, FAULT=f"signal:{name}:on_train_batch_start:2")
    assert (stopped.code, stopped.err.splitlines()[-1]) == (code, line)
    assert stopped.err.count("\n") <= 2
    assert position(run) == 2 * 3
    assert state(run)["status"] == "interrupted"
    assert not (run / "crash.log").exists()
    assert not (run / ".lock").exists()
    resumed = command.run(tmp_path, "resume", "runs/one")
    assert resumed.code == 0, resumed.err
    assert differences(outcome(run), outcome(never_stopped)) == []


@pytest.mark.parametrize(
    ("hook", "count", "saved"),
    [
        ("on_train_batch_start", BATCHES - 1, 2 * BATCHES + 1),  # an epoch's last batch is saved with its end
        pytest.param("on_validation_batch_start", 1, 2 * BATCHES + 1, marks=pytest.mark.slow),
        ("on_validation_batch_start", 3, 4 * BATCHES + 1),  # the last one of the run
    ],
)
def test_a_signal_at_an_epochs_end_waits_for_its_validation(
    command: Server, never_stopped: Path, tmp_path: Path, hook: str, count: int, saved: int
) -> None:
    run = tmp_path / "runs" / "one"
    stopped = command.run(tmp_path, *SHORT, FAULT=f"signal:SIGTERM:{hook}:{count}")
    assert stopped.code == 143
    assert position(run) == saved
    assert command.run(tmp_path, "resume", "runs/one").code == 0
    assert differences(outcome(run), outcome(never_stopped)) == []


def test_gathered_gradients_are_stepped_before_they_are_saved(command: Server, tmp_path: Path) -> None:
    argv = (*SHORT, "trainer.accumulate_grad_batches=4")
    fault = "signal:SIGTERM:on_train_batch_start:1"
    stopped = command.run(tmp_path, *argv, FAULT=fault)
    assert (stopped.code, position(tmp_path / "runs" / "one")) == (143, 2 * 4)
    assert "step 1." in stopped.err


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("fit", "run_dir=run"), "tlx.composition.job"),
        (("fit", "-m", "seed=0,1", "sweep_dir=run"), "tlx.training"),
        (("plan",), "tlx.assembly"),
    ],
)
def test_a_signal_while_modules_load_is_not_at_their_mercy(
    command: Server, tmp_path: Path, words: tuple[str, ...], module: str, name: str, code: int
) -> None:
    (tmp_path / "tmp").mkdir()
    verb, *more = words
    result = command.run(
        tmp_path, verb, *more, *SMOKE, FAULT=f"loading:{name}:{module}", TMPDIR=str(tmp_path / "tmp")
    )
    assert (result.code, result.err) == (code, f"tlx: {'interrupted' if code == 130 else 'terminated'}\n")
    assert not (tmp_path / "swallowed").exists()
    assert not list((tmp_path / "tmp").iterdir())


def test_a_second_interrupt_leaves_at_once_out_of_a_long_step(command: Server, tmp_path: Path) -> None:
    started = command.start(tmp_path, *SHORT, FAULT="stuck:3")
    until((tmp_path / "stuck").exists)
    os.kill(started.pid, signal.SIGINT)
    time.sleep(1)
    began = time.monotonic()
    os.kill(started.pid, signal.SIGINT)
    stopped = started.wait()
    assert time.monotonic() - began < 10  # 2 s on a machine that does nothing else
    assert stopped.code == 130
    assert stopped.err.splitlines() == [
        "tlx: interrupted; ends after the next checkpoint, at once if interrupted again",
        "tlx: interrupted",
    ] or stopped.err.splitlines() == ["tlx: interrupted"]
    assert state(tmp_path / "runs" / "one")["status"] == "interrupted"
    assert command.run(tmp_path, "resume", "runs/one").code == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_loading_processes_go_on_until_the_checkpoint_and_leave_no_orphan(
    command: Server, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    run = tmp_path / "runs" / "one"
    started = command.start(tmp_path, *SHORT, *LONG, "data.num_workers=2")
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    until(lambda: list((run / "checkpoints").glob("*.ckpt")))
    workers = until(lambda: len(found := children.read_text().split()) >= 2 and found)
    os.killpg(started.pid, number)  # as a terminal, or a system, sends it to all
    stopped = started.wait()
    assert stopped.code == code
    assert "saved up to step" in stopped.err
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert state(run)["status"] == "interrupted"


def test_a_loading_process_that_dies_ends_the_run_with_one_line(command: Server, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    started = command.start(tmp_path, *SHORT, *LONG, "data.num_workers=2")
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    until(lambda: list((run / "checkpoints").glob("*.ckpt")))

    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
    died = started.wait()
    assert (died.code, died.err.count("\n")) == (9, 1)
    assert "a process that loads data died" in died.err
    assert "Traceback" in (run / "crash.log").read_text()


def test_an_interrupted_sweep_saves_its_job_and_resumes_it(command: Server, tmp_path: Path) -> None:
    argv = [word for word in SHORT if word != RUN]
    argv[1:1] = ["-m", "seed=0,1", "sweep_dir=sweeps/one"]
    long = ("strategy.epochs=8", "data.per_class=1", "trainer.checkpoint_steps=1")
    started = command.start(tmp_path, *argv, *long)
    jobs = tmp_path / "sweeps" / "one" / "jobs"
    until(lambda: list(jobs.glob("*/checkpoints/*.ckpt")))
    os.killpg(started.pid, signal.SIGINT)
    stopped = started.wait()
    assert stopped.code == 130
    said = stopped.err.splitlines()
    assert len(said) == 3
    assert "saved up to step" in said[1]
    assert said[2] == "tlx: interrupted; Try: tlx resume sweeps/one"
    (job,) = jobs.iterdir()
    assert state(job)["status"] == "interrupted"
    assert position(job) > 0
    resumed = command.run(tmp_path, "resume", "sweeps/one")
    assert resumed.code == 0, resumed.err
    assert [state(job)["status"] for job in jobs.iterdir()] == ["finished", "finished"]
    assert sum(state(job)["resumes"] for job in jobs.iterdir()) == 1
