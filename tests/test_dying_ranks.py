"""Two ranks that torch's launcher started: whatever happens to one of them, all end alike."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.command import Server, until
from tests.verbs.test_launch import processes_of
from tlx.checkpoint.durable import newest, read

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")

CHOICE = """\
defaults:
  - loading
  - _self_
_target_: tests.faults.broken.Broken
how: never
"""


def argv(folder: Path, *words: str) -> tuple[str, ...]:
    """A fit of two ranks on the source that breaks."""
    (folder / "own" / "data").mkdir(parents=True)
    (folder / "own" / "data" / "broken.yaml").write_text(CHOICE)
    return (
        *("fit", "--config-dir", "own", "trust=[tests]", "data=broken", "data.batch_size=8"),
        *("model.weights=null", "strategy=full", "strategy.epochs=4000", "run_dir=runs/two"),
        *("trainer=ddp", "trainer.accelerator=cpu", "trainer.checkpoint_steps=1", *words),
    )


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("raises", marks=pytest.mark.slow),
        pytest.param("exits", marks=pytest.mark.slow),
        "killed",
        pytest.param("hangs", marks=pytest.mark.slow),
    ],
)
def test_a_rank_that_breaks_ends_all_with_one_line(command: Server, tmp_path: Path, how: str) -> None:
    run, broken = tmp_path / "runs" / "two", tmp_path / "broken"
    words = argv(tmp_path, f"data.how={how}", "trainer.rank_timeout=20")
    started = command.start(tmp_path, *words, BROKEN=str(broken))
    until(broken.exists)
    began = time.monotonic()
    ended = started.wait()
    assert time.monotonic() - began < 90  # 30 s, and the timeout, on a machine that does nothing else
    assert (ended.code, ended.err.count("\n")) == (9, 1), ended.err
    assert "Try: tlx resume runs/two" in ended.err
    said = {"raises": "no power", "hangs": "trainer.rank_timeout", "killed": "rank 1 was killed by SIGKILL"}
    assert (said | {"exits": "rank 1 left with exit code 3"})[how] in ended.err
    assert how == "hangs" or "gloo" not in ended.err
    assert processes_of(run) == []
    assert json.loads((run / "state.json").read_text())["status"] == "failed"
    assert newest(run / "checkpoints") is not None


@pytest.mark.parametrize("whom", ["one rank", pytest.param("everybody", marks=pytest.mark.slow)])
def test_a_signal_saves_all_ranks_at_the_same_step(command: Server, tmp_path: Path, whom: str) -> None:
    run = tmp_path / "runs" / "two"
    started = command.start(tmp_path, *argv(tmp_path, "trainer.checkpoint_steps=null"), BROKEN="broken")
    until(lambda: list((run / "checkpoints").glob("*.ckpt")))
    if whom == "one rank":
        os.kill(max(processes_of(run)), signal.SIGTERM)
    else:
        os.killpg(started.pid, signal.SIGINT)
    stopped = started.wait()
    said = stopped.err.splitlines()
    if whom == "one rank":
        assert (stopped.code, len(said)) == (143, 1)
        assert said[0].startswith("tlx: terminated; saved up to step ")
    else:
        assert (stopped.code, len(said)) == (130, 2)
        assert said[1].startswith("tlx: interrupted; saved up to step ")
    assert processes_of(run) == []
    path = newest(run / "checkpoints")
    assert path is not None
    assert f"step {read(path)['global_step']}." in stopped.err
    assert json.loads((run / "state.json").read_text())["status"] == "interrupted"
    assert not list(run.glob("rank-*.json"))
