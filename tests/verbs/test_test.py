import json
from pathlib import Path

import pytest

from tests.command import Server


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_run_scores_what_its_summary_says(
    command: Server, finished: Path, tmp_path: Path, split: str
) -> None:
    result = command.run(tmp_path, "test", str(finished), f"split={split}")
    assert result.code == 0, result.err
    summary = json.loads((finished / "summary.json").read_text())
    assert f"accuracy {summary[f'{split}/accuracy']:.4f}" in result.out
    assert f"{summary[f'{split}/samples']} samples" in result.out
    assert f"calibrated by temperature {summary['val/temperature']:.4g}, which validation chose" in result.out
    assert ("validation samples lean to the good side" in result.out) == (split == "val")
    if split == "test":
        assert f"calibration error {summary['test/calibration_error_calibrated']:.4f}" in result.out


def test_other_samples_of_the_same_data_can_be_scored(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    other = ("test", str(finished), "data.split_seed=7", "data.test_fraction=0.1")
    result = command.run(tmp_path, *other, "overlap=allow")
    assert result.code == 0, result.err
    assert "179 samples" in result.out
    assert "of the 179 samples of the test split are among those that the run was trained" in result.err


def test_what_the_run_was_trained_on_is_not_scored_as_test(
    command: Server, finished: Path, tmp_path: Path
) -> None:
    result = command.run(tmp_path, "test", str(finished), "data.split_seed=7", "data.test_fraction=0.1")
    assert result.code == 3
    assert "of the 179 samples of the test split are among those" in result.err
    assert command.run(tmp_path, "test", str(finished), "data.batch_size=8").code == 0
    result = command.run(tmp_path, "test", str(finished), "overlap=maybe", "data.batch_size=8")
    assert (result.code, "overlap" in result.err) == (2, True), result.err


def test_what_does_not_exist_is_named(command: Server, finished: Path, tmp_path: Path) -> None:
    for words, code, said in (
        (["split=tests"], 2, "no split 'tests'"),
        (["data.rot=1"], 2, "no key 'data.rot'"),
        (["data=folder", "data.root=nowhere"], 3, "nowhere does not exist"),
    ):
        result = command.run(tmp_path, "test", str(finished), *words)
        assert (result.code, said in result.err) == (code, True), result.err
