import json
from pathlib import Path
from typing import Any

from tlx.protocols.plain import plain
from tlx.protocols.probe import ProbeResult, StageProbe
from tlx.report.probe import result_lines, write_page

ABOUT = {"model": "<b>tiny</b>", "data": "digits", "seed": 0, "versions": {}}
STAGES = (
    StageProbe("stem", 0.5, 0.4, 0.6, 0.45, 32, 0.01, True, 0.5),
    StageProbe("<i>layer1</i>", 0.875, 0.8, 0.95, 0.825, 64, 1e-3, True, 0.8),
)


def result() -> dict[str, Any]:
    found = ProbeResult(STAGES, "<i>layer1</i>", "test", 120, "val", 100, 1079, False, 20, 0.125, ("so few",))
    return ABOUT | dict(plain(found))


def test_the_page_shows_every_stage_and_what_chose_its_penalty(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(result()))
    page = write_page(tmp_path).read_text().replace("\u00a0", " ")
    for said in ("87.5 %", "80.0", "82.5 %", "12.5 %", "0.001", "1,079", "so few", "chosen on val (100"):
        assert said in page
    assert "<b>tiny" not in page and "<i>layer1" not in page and "<svg" in page


def test_a_terminal_hears_the_same() -> None:
    lines = [line.replace("\u00a0", " ") for line in result_lines(result())]
    assert "probe 50.0 %" in lines[0] and "k-NN 45.0 %" in lines[0]
    assert lines[2].startswith("best     <i>layer1</i>: 87.5 % of test, 120 samples")
    assert lines[3] == "so few"
