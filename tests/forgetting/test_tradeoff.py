"""The script from its first word to its last, on made-up photos."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.forgetting.tradeoff import main
from tests.forgetting.material import SIDE, write_material

SMALL = [f"model.image_size={SIDE}", "strategy.epochs=1", "data.batch_size=4", "trainer=cpu"]


def measured(root: Path, monkeypatch: pytest.MonkeyPatch, *more: str, code: int = 0) -> dict[str, Any]:
    words = ["tradeoff", "--imagenet", str(root / "known"), "--photos", str(root / "photos")]
    words += ["--weights", str(root / "weights.pth"), "--out", str(root / "result.json")]
    words += ["--work", str(root / "work"), "--pilot", *more]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == code
    found: dict[str, Any] = json.loads((root / "result.json").read_text())
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_method_is_measured_and_what_is_finished_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_material(tmp_path)
    result = measured(root, monkeypatch, "--words", *SMALL)
    points = [(run["method"], run["strength"]) for run in result["runs"]]
    assert len(points) == len(set(points)) == 1 + 4 * 3
    assert {run["seed"] for run in result["runs"]} == {0}
    assert result["failed"] == []
    assert result["source"] == {"protecting": 6, "measuring": 6}
    assert "| `ewc` | 100 |" in capsys.readouterr().out
    assert str(root) not in (root / "result.json").read_text()
    assert (root / "result.svg").read_text().startswith("<svg xmlns=")
    again = measured(root, monkeypatch, "--words", *SMALL)
    assert again["runs"] == result["runs"]
    logs = [path.read_text() for path in (root / "work/sweeps").glob("*.log")]
    assert sum(text.count("is finished already") for text in logs) == 13


@pytest.mark.slow
def test_runs_that_fail_are_told_and_nothing_is_drawn_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_material(tmp_path)
    (root / "weights.pth").write_bytes(b"no weights")
    result = measured(root, monkeypatch, "--methods", "none", "--words", *SMALL, code=1)
    assert result["runs"] == []
    (failure,) = result["failed"]
    assert (failure["method"], failure["seed"]) == ("none", 0)
    assert "weights.pth" in failure["reason"]
    assert f"failed: {failure}" in capsys.readouterr().out
    assert not (root / "result.svg").exists()


def test_a_folder_without_numbered_classes_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_material(tmp_path)
    (root / "known/0001_n1").rename(root / "known/tench")
    with pytest.raises(SystemExit, match="tench is no folder of a class"):
        measured(root, monkeypatch)
    assert not (root / "work/sweeps").exists()
