import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import Server
from tests.faults.outcome import differences, outcome
from tests.faults.writing import flip
from tlx.errors import CheckpointError
from tlx.verbs.completeness import check_concludable, lacking

DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no summary": ("summary.json", Path.unlink),
    "no evaluation": ("evaluation.json", lambda path: path.write_text("[")),
    "no bundle": ("bundle", shutil.rmtree),
    "a flipped bit": ("bundle/model.safetensors", lambda path: flip(path, 99_999)),
    "no features": ("bundle/features.safetensors", Path.unlink),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE)
def test_what_a_finished_run_lacks_is_said(
    finished: Path, tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    assert lacking(run) == ""
    damage(run / name)
    assert Path(name).stem in lacking(run)
    assert (lacking(run, weights=False) == "") == (name == "bundle/model.safetensors")


@pytest.mark.parametrize("case", ["no summary", "a flipped bit"])
def test_a_finished_run_with_a_damaged_part_is_concluded_again_to_the_same_bits(
    command: Server, finished: Path, tmp_path: Path, case: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    name, damage = DAMAGE[case]
    damage(run / name)
    if case == "a flipped bit":
        refused = command.run(tmp_path, "test", "run")
        assert (refused.code, "Try: tlx resume run" in refused.err) == (4, True), refused.err
    again = command.run(tmp_path, "resume", "run")
    assert again.code == 0, again.err
    assert f"{Path(name).name}" in again.out
    assert "; the run is concluded again" in again.out
    assert differences(outcome(run), outcome(finished)) == []
    assert "already complete" in command.run(tmp_path, "resume", "run").out


def test_what_cannot_be_made_again_is_refused(command: Server, finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    shutil.rmtree(run / "checkpoints")
    (run / "summary.json").unlink()
    with pytest.raises(CheckpointError, match="no checkpoint to make it of"):
        check_concludable(run, lacking(run))
    refused = command.run(tmp_path, "resume", "run")
    assert (refused.code, "there is no summary.json" in refused.err) == (4, True), refused.err
