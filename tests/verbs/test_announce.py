from pathlib import Path

import pytest

from tlx.verbs.announce import announce

SUMMARY = {
    "val/accuracy": 0.875,
    "val/samples": 8,
    "best/epoch": 3,
    "monitor": "val/accuracy",
    "ended": "its 3 epochs are over",
    "train/epochs": 3,
    "train/seconds": 2.5,
    "test/accuracy": 1.0,
    "test/samples": 4,
}


def test_result_page_and_bundle_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.html").touch()
    announce(tmp_path, SUMMARY)
    said = capsys.readouterr().out.replace(chr(160), " ").splitlines()
    assert said[0].startswith("test     accuracy 100.0 %, 95 % interval")
    assert said[1].startswith("val      accuracy 87.5 %")
    assert said[-2:] == [f"page     {tmp_path}/report.html", f"bundle   {tmp_path}/bundle"]


def test_a_page_that_is_not_there_is_not_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    announce(tmp_path, SUMMARY)
    said = capsys.readouterr().out
    assert "page  " not in said
    assert f"bundle   {tmp_path}/bundle" in said
