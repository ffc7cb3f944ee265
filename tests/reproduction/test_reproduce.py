"""The script from its first word to its last, on made-up digits."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.reproduction.reproduce import main

SMALL = ["strategy.epochs=1", "data.batch_size=16", "model.hidden=[8]"]


def write_digits(path: Path) -> None:
    draw = np.random.default_rng(0)
    arrays = {}
    for word, each in (("train", 12), ("test", 4)):
        labels = np.arange(10).repeat(each)
        images = draw.integers(0, 256, (len(labels), 28, 28), dtype=np.uint8)
        arrays |= {f"{word}_images": images, f"{word}_labels": labels}
    np.savez(path, **arrays)


def measured(root: Path, monkeypatch: pytest.MonkeyPatch, case: str, *more: str, code: int = 0) -> Any:
    words = ["reproduce", "--mnist", str(root / "mnist.npz"), "--out", str(root / "result.json")]
    words += ["--work", str(root / "work"), "--seeds", "0", "--cases", case, "--words", *SMALL, *more]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == code
    return json.loads((root / "result.json").read_text())


@pytest.mark.slow
def test_a_case_is_measured_once_and_stands_beside_others_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_digits(tmp_path / "mnist.npz")
    first = measured(tmp_path, monkeypatch, "split_mnist-task-none")
    (run,) = first["runs"]
    assert (run["case"], run["seed"]) == ("split_mnist-task-none", 0)
    assert run["accuracy"] == pytest.approx(sum(run["matrix"][-1]) / 5)
    assert run["words"] == SMALL
    assert "| `split_mnist_task_none` | 1 |" in capsys.readouterr().out
    measured(tmp_path, monkeypatch, "split_mnist_task_none")  # by its experiment
    assert "is finished already" in (tmp_path / "work" / "split_mnist-task-none.log").read_text()
    broken = measured(tmp_path, monkeypatch, "split_mnist-domain-none", "model.hidden=[0]", code=1)
    assert broken["runs"] == first["runs"]
    (failure,) = broken["failed"]
    assert failure["case"] == "split_mnist-domain-none" and "hidden" in failure["reason"]
    assert str(tmp_path) not in json.dumps(broken)
