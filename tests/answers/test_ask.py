"""The script from its first word to its last, on made-up photos."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.answers.ask import main
from tests.forgetting.material import SIDE, write_material

SMALL = [f"model.image_size={SIDE}", "data.batch_size=4", "page=false"]


def asked(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: str,
    *more: str,
    places: tuple[str, ...] = (),
    code: int = 0,
) -> dict[str, Any]:
    found = places or (f"PHOTOS={root}/photos", f"SQUEEZENET={root}/weights.pth")
    told = ["ask", "--places", *found, "--out", str(root / "result.json"), "--work", str(root / "work")]
    monkeypatch.setattr(sys, "argv", [*told, "--cases", case, "--words", *SMALL, *more])
    assert main() == code
    result: dict[str, Any] = json.loads((root / "result.json").read_text())
    return result


def test_a_place_that_is_missing_or_nowhere_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"PHOTOS={tmp_path}"
    for places, said in (
        ((here,), "probe-ants_bees needs --places SQUEEZENET=PATH: weights of SqueezeNet"),
        ((here, "SQUEEZENET=/nowhere"), "nothing is at SQUEEZENET=/nowhere"),
        (("BEES=/nowhere",), "'BEES' is no place. There are PHOTOS, PACS"),
    ):
        with pytest.raises(SystemExit, match=said):
            asked(tmp_path, monkeypatch, "probe-ants_bees", places=places)
    assert not (tmp_path / "work").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_answer_is_found_once_and_a_question_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_material(tmp_path)
    result = asked(root, monkeypatch, "probe-ants_bees")
    (entry,) = result["runs"]
    assert entry["case"] == "probe-ants_bees" and entry["process"] > 0
    assert [stage["name"] for stage in entry["answer"]["stages"]][-1] == "fire9"
    assert "torch" in result["versions"] and str(root) not in (root / "result.json").read_text()
    assert "tlx probe model=squeezenet1_1 model.weights=SQUEEZENET" in capsys.readouterr().out
    again = asked(root, monkeypatch, "probe-ants_bees")
    assert again["runs"] == result["runs"] and "is there already" in capsys.readouterr().out
    broken = asked(root, monkeypatch, "gain-ants_bees", "gain.seeds=0", code=1)
    assert broken["runs"] == result["runs"]
    (failure,) = broken["failed"]
    assert failure["case"] == "gain-ants_bees" and "gain.seeds=0" in failure["said"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_question_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_material(tmp_path)
    first = asked(root, monkeypatch, "probe-ants_bees")
    (home,) = (root / "work").glob("probe-ants_bees-*/")
    (root / "result.json").unlink()
    (home / "result.json").unlink()
    again = asked(root, monkeypatch, "probe-ants_bees")
    assert again["runs"][0]["answer"] == first["runs"][0]["answer"]
    log = home.with_name(f"{home.name}.log").read_text()
    assert "probe " in log and "computed once" not in log
