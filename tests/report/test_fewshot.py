import json
from pathlib import Path
from typing import Any

from tlx.protocols.fewshot import Crossing, Curve, FewshotResult, Point
from tlx.protocols.plain import plain
from tlx.report.fewshot import result_lines, write_page

ABOUT = {"model": "tiny", "data": "digits", "seed": 0, "versions": {}}
CURVES = (
    Curve("<b>probe</b>", (Point(1, (0.5,), 0.5, 0.4, 0.6), Point(4, (0.7,), 0.7, 0.6, 0.8)), 0.6),
    Curve("full", (Point(1, (0.25,), 0.25, 0.2, 0.3), Point(4, (0.8,), 0.8, 0.7, 0.9)), 0.525),
)


def result(**changes: Any) -> dict[str, Any]:
    crossing = (Crossing("<b>probe</b>", "full", 2.5),)
    return ABOUT | dict(plain(FewshotResult(CURVES, crossing, (0, 1), "test", 120, ("so few",)))) | changes


def test_the_page_shows_every_point_and_where_curves_cross(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(result()))
    page = write_page(tmp_path).read_text().replace("\u00a0", " ")
    for said in ("50.0 %", "80.0 %", "0.525", "full overtakes", "2.5 labels of each class", "so few", "<svg"):
        assert said in page
    assert "<b>probe</b>" not in page
    assert ">1 label<" in page and ">4 labels<" in page


def test_one_seed_has_no_band(tmp_path: Path) -> None:
    bare = [{**c, "points": [{**p, "low": None, "high": None} for p in c["points"]]} for c in plain(CURVES)]
    (tmp_path / "result.json").write_text(json.dumps(result(curves=bare)))
    assert "50.0\u00a0%<" in write_page(tmp_path).read_text()


def test_a_terminal_hears_the_same() -> None:
    lines = [line.replace("\u00a0", " ") for line in result_lines(result())]
    assert "1: 50.0 %  4: 70.0 %" in lines[0]
    assert lines[2].startswith("full overtakes <b>probe</b> at about 2.5")
