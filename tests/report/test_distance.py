import json
from pathlib import Path
from typing import Any

from tlx.protocols.distance import DistanceResult, Measure, StageDistance
from tlx.protocols.plain import plain
from tlx.report.distance import result_lines, write_page

ABOUT = {"model": "tiny", "data": "digits", "seed": 0, "versions": {}}
FRECHET = Measure("frechet", 12.5, 10.0, 15.0, 30, 14.0, 3.0, 4.0, None, "<b>so few</b>")
NEAR = Measure("a_distance", 1.75, 1.5, 1.9, 30, 1.7, 0.05, 0.1, None, None)
TEST = Measure("mmd", 0.0005, 0.0001, 0.001, 30, 0.0004, 0.0, 0.0001, 0.01, None)


def result(stages: int = 1, **changes: Any) -> dict[str, Any]:
    each = tuple(StageDistance(f"layer{n}", 128, (FRECHET, TEST, NEAR)) for n in range(stages))
    return ABOUT | dict(plain(DistanceResult("photos", 200, 100, each, ()))) | changes


def page(folder: Path, given: dict[str, Any]) -> str:
    (folder / "result.json").write_text(json.dumps(given))
    return write_page(folder).read_text()


def test_the_page_shows_every_distance_beside_that_within_the_target(tmp_path: Path) -> None:
    found = page(tmp_path, result())
    for said in (
        "1.750",
        "12.500",
        "10.000 to 15.000",
        "3.000, at most 4.000",
        "0.0005",
        "0.01",
        "photos to digits",
    ):
        assert said in found
    assert "<b>so few</b>" not in found and "so few" in found and "Over the stages" not in found


def test_a_great_distance_is_a_whole_number_and_a_doubt_says_which_distance_it_is_of(tmp_path: Path) -> None:
    given = result()
    given["stages"][0]["measures"][0] |= {"value": 12468.3, "low": 433.4, "within": -1998.7}
    found = page(tmp_path, given)
    assert ">12,468<" in found and ">433 to 15.000<" in found and "-1,999, at most 4.000" in found
    assert "Frechet distance: &lt;b&gt;so few" in found
    assert result_lines(given)[1].startswith("Frechet distance  12,468 (433 to 15.000)")


def test_several_stages_have_a_curve(tmp_path: Path) -> None:
    found = page(tmp_path, result(3))
    assert "Over the stages" in found and found.index("layer2, 128") < found.index("layer0, 128")


def test_a_terminal_hears_the_same() -> None:
    lines = result_lines(result())
    assert lines[0] == "layer0, 128 dimensions"
    assert "12.500 (10.000 to 15.000); within the target 3.000 at 30 samples" in lines[1]
    assert any(line.endswith(", p 0.01") for line in lines)


def test_a_doubt_that_holds_of_several_distances_is_said_once(tmp_path: Path) -> None:
    given = result()
    for measure in given["stages"][0]["measures"][1:]:
        measure["warning"] = "too few"
    assert result_lines(given)[-1] == "MMD, squared; Proxy A-distance: too few"
    assert page(tmp_path, given).count("too few") == 1
