import json
import subprocess
import sys
from pathlib import Path

import pytest

from tlx.errors import CheckpointError, ConfigError
from tlx.run.directory import (
    ASKED,
    begin,
    check_free,
    check_run,
    claimed,
    place,
    read_json,
    read_state,
    shown,
    write_text,
)
from tlx.run.lock import release


def test_a_run_lives_where_it_is_wished_or_after_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert place(None, "runs", "name") == tmp_path / "runs" / "name"
    assert place("mine", "runs", "name") == tmp_path / "mine"
    assert place("/elsewhere", "runs", "name") == Path("/elsewhere")
    for wish in ("../up", "a/../b", "", " "):
        with pytest.raises(ConfigError, match="not usable"):
            place(wish, "runs", "name")


def test_a_run_that_another_process_holds_is_refused_with_its_name(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, before = {"pid": 4711, "host": "far"}, (run / "state.json").read_text()
    with (run / ".lock").open("r+") as other:
        monkeypatch.setattr("tlx.run.lock._held", {})
        other.truncate()
        other.write(json.dumps(held))
        other.flush()
        for attempt in (lambda: begin(run, resumed=True), lambda: claimed(run).__enter__()):
            with pytest.raises(CheckpointError, match="being trained by process 4711 on far"):
                attempt()
    assert (run / "state.json").read_text() == before


def test_a_killed_run_whose_number_another_process_bears_by_now_is_free(run: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        write_text(run / "state.json", json.dumps(read_state(run) | {"pid": other.pid}))
        release(run)
        (run / ".lock").touch()  # as a killed process leaves it
        check_run(run)
        (run / ".lock").unlink()  # as by a tlx, or on a file system, without locks
        with pytest.raises(CheckpointError, match=f"being trained by process {other.pid}"):
            check_run(run)
    finally:
        other.communicate(b"\n")


def test_a_resumed_run_keeps_its_start_and_counts(run: Path) -> None:
    started = read_state(run)["started"]
    (run / "metrics.csv").write_text("kept")
    begin(run, resumed=True)
    begin(run, resumed=True)
    assert (read_state(run)["started"], read_state(run)["resumes"]) == (started, 2)
    assert (run / "metrics.csv").exists()
    begin(run)
    assert not (run / "metrics.csv").exists()


def test_only_what_cannot_be_lost_is_trained_over(run: Path) -> None:
    state = read_state(run) | {"status": "failed"}
    write_text(run / "state.json", json.dumps(state))
    check_free(run)
    check_free(run.parent / "new")
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "1.ckpt").touch()
    with pytest.raises(ConfigError, match="run is unfinished.*Try: tlx resume run"):
        check_free(run)
    write_text(run / "state.json", json.dumps(state | {"status": "finished"}))
    with pytest.raises(ConfigError, match="is finished and is not overwritten"):
        check_free(run)


def test_a_run_whose_process_was_killed_counts_as_interrupted(run: Path) -> None:
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "1.ckpt").touch()
    dead = read_state(run) | {"pid": 2**22 + 1}
    write_text(run / "state.json", json.dumps(dead))
    with pytest.raises(ConfigError, match=r"run is unfinished \(interrupted\)\. Try: tlx resume run"):
        check_free(run)
    write_text(run / "state.json", json.dumps(dead | {"host": "elsewhere"}))
    with pytest.raises(ConfigError, match=r"run is unfinished \(running on elsewhere when last heard of\)"):
        check_free(run)


def test_a_folder_that_is_no_run_is_refused_with_its_neighbours(run: Path) -> None:
    with pytest.raises(CheckpointError, match="no run at rum.* holds run"):
        check_run(run.parent / "rum")
    with pytest.raises(CheckpointError, match="no config.yaml"):
        check_run(run.parent)


@pytest.mark.parametrize(
    ("note", "inside", "said"),
    [("sequence.yaml", "tasks", "is a sequence of tasks"), ("sweep.json", "jobs", "is a sweep of jobs")],
)
def test_a_folder_of_several_runs_names_those_in_it(note: str, inside: str, said: str, run: Path) -> None:
    several = run.parent / "several"
    (several / inside).mkdir(parents=True)
    (several / note).touch()
    with pytest.raises(CheckpointError, match=f"{said}, and none has begun.* Try: tlx resume several"):
        check_run(several)
    for name in ("01", "02"):
        (several / inside / name).mkdir()
    with pytest.raises(CheckpointError, match=f"{said}, .*Try: a run in it: several/{inside}/01, .*02$"):
        check_run(several)
    for number in range(3, 9):
        (several / inside / f"{number:02}").mkdir()
    with pytest.raises(CheckpointError, match=f"several/{inside}/01 to several/{inside}/08$"):
        check_run(several)


@pytest.mark.parametrize("verb", ASKED)
def test_an_answer_is_no_run_and_names_the_runs_that_it_took(verb: str, run: Path) -> None:
    answer = run.parent / "answer"
    answer.mkdir()
    (answer / f"{verb}.yaml").touch()
    nothing = f"answer is an answer of tlx {verb}, and it trained no run. Try: tlx report answer"
    with pytest.raises(CheckpointError, match=nothing):
        check_run(answer)
    for arm, name in (("transfer", "rate3-seed10"), ("transfer", "rate3-seed9"), ("scratch", "rate1-seed0")):
        (answer / "runs" / arm / name).mkdir(parents=True)
    (answer / "runs" / "notes.txt").touch()
    taken = "runs/scratch/rate1-seed0, answer/runs/transfer/rate3-seed9, answer/runs/transfer/rate3-seed10$"
    with pytest.raises(
        CheckpointError, match=f"and what it trained are runs.* Try: a run in it: answer/{taken}"
    ):
        check_run(answer)


def test_a_start_that_was_cut_off_before_it_was_a_run_is_begun_again(run: Path) -> None:
    bare = run.parent / "bare"
    bare.mkdir()
    for name in (".lock", ".config.yaml", ".config.yaml.7.tmp"):
        (bare / name).touch()
    check_free(bare)
    with pytest.raises(CheckpointError, match="Try: tlx fit again"):
        check_run(bare)
    (bare / "thesis.txt").touch()
    with pytest.raises(ConfigError, match="holds other files"):
        check_free(bare)


def test_damaged_files_are_errors_or_the_cautious_state(run: Path) -> None:
    (run / "state.json").write_text("{")
    assert read_state(run) == {"status": "interrupted", "resumes": 0}
    (run / "state.json").write_text('{"status": [], "resumes": "x", "pid": "7", "host": 5, "more": 1}')
    assert read_state(run) == {"status": "interrupted", "resumes": 0, "more": 1}
    begin(run, resumed=True)
    for text, said in (("{", "cannot be read"), ("[]", "holds no object"), ("[" * 100_000, "cannot be read")):
        (run / "summary.json").write_text(text)
        with pytest.raises(CheckpointError, match=said):
            read_json(run / "summary.json")
    with pytest.raises(CheckpointError, match="there is no nothing.json"):
        read_json(run / "nothing.json")


def test_a_file_is_written_whole_and_leaves_no_temporary(run: Path) -> None:
    before = set(run.iterdir())
    write_text(run / "state.json", "{}")
    assert set(run.iterdir()) == before


def test_paths_are_shown_as_one_would_type_them(run: Path) -> None:
    assert shown(run) == "run"
    assert shown(Path("/elsewhere")) == "/elsewhere"
