import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from scripts.bench.gpu import MODELS, moment, operations, table
from scripts.bench.measure import ROOT


def run(side: str, repetition: int, speed: float, share: float | None = 0.4) -> dict[str, Any]:
    return {
        "model": "resnet50", "side": side, "repetition": repetition, "images_per_second": speed,
        "peak_memory": 2**31, "share_of_peak": share,
    }  # fmt: skip


def test_a_side_is_held_against_tlx_repetition_by_repetition() -> None:
    runs = [run("tlx", 0, 100.0), run("plain", 0, 110.0), run("tlx", 1, 50.0), run("plain", 1, 55.0)]
    _, _, ours, plain = table({"runs": runs}).splitlines()
    assert ours == "| resnet50 | **tlx** | 2 | 75.0 |  | 40% | 2.0 GiB |"
    assert plain == "| resnet50 | plain | 2 | 82.5 | 1.10 [1.10, 1.10] | 40% | 2.0 GiB |"


def test_a_device_of_unknown_peak_has_no_share() -> None:
    assert table({"runs": [run("tlx", 0, 100.0, None)]}).splitlines()[-1].count("%") == 0


@pytest.mark.parametrize(("model", "billions"), [("resnet50", 4.1), ("vit_b_16", 17.6)])
def test_operations_are_those_that_are_published(model: str, billions: float) -> None:
    """Multiplications with their additions, of the forward pass, as torchvision's pages give them."""
    assert model in MODELS
    assert operations(model) / 3 / 2e9 == pytest.approx(billions, rel=0.05)


def test_a_moment_waits_for_nothing_on_the_processor() -> None:
    assert moment(torch.device("cpu")) <= moment(torch.device("cpu"))


@pytest.mark.slow
def test_a_trial_runs_both_sides_on_the_processor(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.bench.gpu", "--trial", "--repetitions", "1"]
    command += ["--out", str(tmp_path / "out.json"), "--work", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads((tmp_path / "out.json").read_text())
    assert [each["side"] for each in found["runs"]] == ["tlx", "plain"]
    assert found["device"] == "none, a trial"
    assert all(each["images_per_second"] > 0 for each in found["runs"])
    assert "| squeezenet1_1 | plain | 1 |" in done.stdout
