import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import SMOKE
from tests.faults.processes import PRELOAD, _free_port
from tlx.checkpoint.durable import file_hash
from tlx.errors import CheckpointError, ConfigError
from tlx.verbs import nodes
from tlx.verbs.launch import prepared
from tlx.verbs.nodes import launched

FIT = ("fit", *SMOKE, "data.per_class=9", "trainer.limit_train_batches=null")


def _rank(
    rank: int, of_node: int, node: int, size: int, port: int, folder: Path, argv: tuple[str, ...]
) -> None:
    """What torch's launcher sets, and the command it starts."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(of_node), "WORLD_SIZE": str(size)}
    os.environ |= {"LOCAL_WORLD_SIZE": "1", "GROUP_RANK": str(node), "TORCHELASTIC_RUN_ID": "test"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    os.chdir(folder)
    with (folder / f"said-{rank}").open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        from tlx.cli import main

        main(argv)


def processes(folder: Path, places: list[tuple[int, int]], *argvs: tuple[str, ...]) -> list[int]:
    """Exit codes of processes that train together; a place is a rank in its machine, and the machine."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    port = _free_port()
    folder.mkdir(exist_ok=True)
    started = [
        context.Process(
            target=_rank, args=(rank, *place, len(places), port, folder, argvs[rank % len(argvs)])
        )
        for rank, place in enumerate(places)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
        process.kill()
    return [process.exitcode or 0 for process in started]


@pytest.mark.slow
def test_two_machines_of_one_device_end_in_the_bits_of_one_machine_with_two(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    together = (*FIT, "trainer.devices=2", "run_dir=run")
    apart = (*FIT, "trainer.num_nodes=2", "run_dir=run")
    assert processes(one, [(0, 0), (1, 0)], together) == [0, 0], (one / "said-0").read_text()
    assert processes(two, [(0, 0), (0, 1)], apart) == [0, 0], (two / "said-0").read_text()
    assert "bundle   run/bundle" in (two / "said-0").read_text()
    assert (two / "said-1").read_text() == ""
    for name in ("bundle/model.safetensors", "metrics.csv"):
        assert file_hash(one / "run" / name) == file_hash(two / "run" / name)
    assert json.loads((two / "run" / "state.json").read_text())["status"] == "finished"
    again = processes(two, [(0, 0), (0, 1)], apart)
    assert again == [2, 2]
    assert "run is finished and is not overwritten" in (two / "said-0").read_text()
    assert (two / "said-1").read_text() == ""


def test_what_one_machine_cannot_do_none_begins(tmp_path: Path) -> None:
    fine = (*FIT, "trainer.num_nodes=2")
    codes = processes(tmp_path, [(0, 0), (0, 1)], (*fine, "trainer.devices=2"))
    said = (tmp_path / "said-0").read_text()
    assert (codes, "torchrun started 2 processes" in said) == ([2, 2], True)
    assert "Try: torchrun --nnodes=2 --nproc-per-node=2" in said
    codes = processes(tmp_path, [(0, 0), (0, 1)], (*fine, "optimizer.betas=[0.9]"))
    assert (codes, (tmp_path / "said-0").read_text().count("tlx: error[config]")) == ([2, 2], 1)
    assert not (tmp_path / "runs").exists()


def test_several_machines_without_torchrun_are_told_how_to_start() -> None:
    with pytest.raises(
        ConfigError, match="each has to start its own share. Try: on each of them torchrun --nnodes=2"
    ):
        prepared({"trainer": {"devices": 1, "num_nodes": 2}})


def test_a_folder_that_another_machine_does_not_see_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "PATIENCE", 0.1)
    with pytest.raises(
        CheckpointError, match="does not see .*Try: run_dir=FOLDER on a disk that all machines"
    ):
        nodes._wait_for(tmp_path / "config.yaml")


def test_a_sweep_is_not_started_by_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    from tlx.verbs.fit import fit

    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("RANK", "0")
    assert launched()
    with pytest.raises(ConfigError, match="-m starts a launch for each of its jobs"):
        fit(["-m", "seed=0,1"])


@pytest.mark.slow
def test_two_real_launchers_meet_and_train_one_run(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    words += ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{_free_port()}", "--rdzv-id=test"]
    words += ["-m", "tlx.cli", *FIT, "trainer.num_nodes=2", "run_dir=run"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
            )
            for _ in range(2)
        ]
        said = [process.communicate(timeout=120)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["val/samples"] == 359
