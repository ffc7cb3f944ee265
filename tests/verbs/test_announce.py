from pathlib import Path

import pytest

from tlx.verbs.announce import announce, result

SUMMARY = {
    "val/accuracy": 0.9123,
    "val/f1": 0.5,
    "val/samples": 8,
    "best/epoch": 3,
    "ended": "its 3 epochs are over",
    "test/accuracy": 1.0,
    "test/f1": 1.0,
    "test/samples": 4,
}


def test_a_result_is_a_line_per_split() -> None:
    val, test = result(SUMMARY).splitlines()
    assert (
        val
        == "val     accuracy 91.2 %, macro F1 50.0 %, 8 samples (best epoch 3; ended: its 3 epochs are over)"
    )
    assert test == "test    accuracy 100.0 %, macro F1 100.0 %, 4 samples"
    assert len(result({k: v for k, v in SUMMARY.items() if not k.startswith("test/")}).splitlines()) == 1


def test_the_page_and_the_bundle_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    announce(tmp_path, SUMMARY)
    assert f"page    {tmp_path}/report.html\nbundle  {tmp_path}/bundle\n" in capsys.readouterr().out
