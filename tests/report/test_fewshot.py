import json
from pathlib import Path
from typing import Any

from tlx.protocols.plain import plain
from tlx.protocols.results.fewshot import Crossing, Curve, FewshotResult, Point
from tlx.report.fewshot import result_lines, write_page

ABOUT = {"model": "tiny", "data": "digits", "seed": 0, "versions": {}}
CURVES = (
    Curve("<b>probe</b>", (Point(1, (0.5,), 0.5, 0.4, 0.6), Point(4, (0.7,), 0.7, 0.6, 0.8)), 0.6),
    Curve(
        "full", (Point(1, (0.25,), 0.25, 0.2, 0.3), Point(4, (0.8,), 0.8, 0.7, 0.9)), 0.525, 0.075, 0.05, 0.1
    ),
)


def result(**changes: Any) -> dict[str, Any]:
    crossing = (Crossing("<b>probe</b>", "full", 3.09, 1, 4, True),)
    return ABOUT | dict(plain(FewshotResult(CURVES, crossing, (0, 1), "test", 120, ("so few",)))) | changes


def test_the_page_shows_every_point_and_where_curves_cross(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(result()))
    page = write_page(tmp_path).read_text().replace("\u00a0", " ")
    for said in (
        "50.0 %",
        "80.0 %",
        "0.525",
        "full overtakes",
        "between 1 and 4 labels of each class (about 3, interpolated)",
        "so few",
        "<svg",
    ):
        assert said in page
    assert "<b>probe</b>" not in page
    assert ">1 label<" in page and ">4 labels<" in page


def test_an_arm_that_is_several_words_is_named_in_full(tmp_path: Path) -> None:
    words = "strategy=discriminative strategy.epochs=40 strategy.decay=0.75 strategy.batch=8"
    curves = [{**plain(CURVES[0]), "name": words}, plain(CURVES[1])]
    crossing = [{"below": words, "above": "full", "shots": 2.5}]
    (tmp_path / "result.json").write_text(json.dumps(result(curves=curves, crossings=crossing)))
    page = write_page(tmp_path).read_text()
    assert page.count(words) == 4  # headline, both sentences, table


def test_one_seed_has_no_band(tmp_path: Path) -> None:
    bare = [{**c, "points": [{**p, "low": None, "high": None} for p in c["points"]]} for c in plain(CURVES)]
    (tmp_path / "result.json").write_text(json.dumps(result(curves=bare)))
    assert "50.0\u00a0%<" in write_page(tmp_path).read_text()


def test_a_terminal_hears_the_same() -> None:
    lines = [line.replace("\u00a0", " ") for line in result_lines(result())]
    assert "1: 50.0 %  4: 70.0 %" in lines[0]
    assert lines[2].startswith("Best over all numbers of labels: <b>probe</b>, 50.0 % with 1 of each class")
    assert lines[3] == (
        "full overtakes <b>probe</b> between 1 and 4 labels of each class (about 3, interpolated)."
    )


def test_arms_that_are_not_told_apart_are_not_called_best(tmp_path: Path) -> None:
    near = [plain(CURVES[0]), plain(CURVES[1]) | {"behind_low": -0.01, "behind_high": 0.16}]
    (tmp_path / "result.json").write_text(json.dumps(result(curves=near)))
    page = write_page(tmp_path).read_text()
    assert "cannot be told apart from full (difference of areas 0.075, 95 % interval -0.010 to 0.160)" in page
    assert "not told apart" in page and "Best over all" not in page
    alone = [near[0], near[1] | {"behind_low": None, "behind_high": None}]
    assert "full (difference of areas 0.075, without an interval)" in result_lines(result(curves=alone))[2]


def test_a_crossing_says_where_it_was_measured_and_whether_it_may_be_chance() -> None:
    def told(shots: float, first: int, last: int, told_apart: bool) -> str:
        crossing = plain(Crossing("a", "b", shots, first, last, told_apart))
        return result_lines(result(crossings=[crossing]))[3]

    assert told(2.0, 2, 2, True) == "b overtakes a at 2 labels of each class."
    assert told(1.4, 1, 2, True) == "b overtakes a between 1 and 2 labels of each class."
    assert "which may be chance: before it or behind it the two are not told apart" in told(3, 2, 4, False)


def test_an_answer_of_before_arms_were_told_apart_is_shown_still() -> None:
    curves = [{key: each[key] for key in ("name", "points", "area")} for each in plain(CURVES)]
    old = result(curves=curves, crossings=[{"below": "a", "above": "b", "shots": 2.5}])
    lines = result_lines(old)
    assert lines[2].startswith("Best over all") and "at about 2 labels of each class" in lines[3]
