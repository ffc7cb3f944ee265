import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlx.protocols.lr import Cell, LrResult, StageGain
from tlx.protocols.plain import plain
from tlx.protocols.rate_finder import Found
from tlx.report.lr import result_lines, write_page

ABOUT = {"model": "<b>tiny</b>", "data": "digits", "seed": 0, "versions": {}}
FOUND = Found("all", {"layer1": 1e-4, "head": 1e-2}, (0.1, 1.0, 10.0), (2.0, 1.0, 5.0), 0.316)
CELLS = (Cell("layer1", 0.0, 0.5, (0.5,)), Cell("layer1", 1.0, 0.75, (0.75,)))


def result(
    found: Found | None = FOUND, cells: tuple[Cell, ...] = CELLS, low: float | None = None
) -> LrResult:
    gains = (StageGain("layer1", 1.0, 0.25, low, low and 0.4),) if cells else ()
    base = 0.75 if cells else None
    return LrResult(found, "val/accuracy", True, base, (0,), cells, gains, (), 1.0, {})


def page(folder: Path, given: LrResult) -> str:
    (folder / "result.json").write_text(json.dumps(ABOUT | dict(plain(given))))
    return write_page(folder).read_text().replace("\u00a0", " ")


def test_the_page_shows_the_range_and_the_heat_map(tmp_path: Path) -> None:
    found = page(tmp_path, result())
    for said in ("rates \u00d7 0.316", "3.16e-5", "loss over rising rates", "25.0 points", "frozen", "75.0"):
        assert said in found
    assert "<b>tiny</b>" not in found


@pytest.mark.parametrize("factors", [(0.1, 1.0, 10.0), (0.2, 0.4, 0.8)])
def test_the_factors_under_the_curve_are_plain_numbers(tmp_path: Path, factors: tuple[float, ...]) -> None:
    found = page(tmp_path, result(replace(FOUND, factors=factors, suggestion=factors[1])))
    drawing = found[found.index("<svg") : found.index("</svg>")]
    shown = set(re.findall(r">([\d.]+)</text>", drawing))
    assert "$" not in drawing and shown & {f"{factor:g}" for factor in factors}


def test_either_half_stands_alone(tmp_path: Path) -> None:
    alone = page(tmp_path, result(cells=()))
    assert "Rising rates" in alone and "varied at a time" not in alone
    sweep = page(tmp_path, result(found=None))
    assert "Rising rates" not in sweep and "varied at a time" in sweep


def test_an_interval_is_shown_where_there_is_one(tmp_path: Path) -> None:
    assert "10.0 points to 40.0 points" in page(tmp_path, result(low=0.1))


def test_a_stage_is_named_only_where_a_gain_is_shown(tmp_path: Path) -> None:
    shown = page(tmp_path, result(found=None, low=0.1))
    assert "Shown to gain from training: layer1, 25.0 points" in shown
    none = tuple(StageGain(name, 1.0, 0.0, None, None) for name in ("stem", "top"))
    two = replace(result(found=None), gains=none)
    said = page(tmp_path, two)
    assert "No stage is shown to gain from training; the greatest mean is of stem, top" in said
    assert two.texts() == {"best/stage": "none shown"}
    assert result(low=0.1).texts() == {"best/stage": "layer1"}


def test_a_terminal_hears_the_same() -> None:
    plainly: dict[str, Any] = ABOUT | dict(plain(result()))
    lines = [line.replace("\u00a0", " ") for line in result_lines(plainly)]
    assert "rate_scale=0.316 is an upper end" in lines[0]
    said = "layer1: 25.0 points over frozen, best at its rate times 1, 'stage_rates={layer1: 1}'"
    assert lines[1] == said


def test_the_words_for_a_factor_are_its_product_with_the_rates_given(tmp_path: Path) -> None:
    gains = (StageGain("layer1", 3.0, 0.25, None, None),)
    given = replace(result(found=None), gains=gains, stage_rates={"head": 2.0, "layer1": 10.0})
    line = result_lines(ABOUT | dict(plain(given)))[0]
    assert line.endswith("best at its rate times 3, 'stage_rates={head: 2, layer1: 30}'")
    found = page(tmp_path, given)
    assert ">3<" in found and ">30<" in found


def test_a_suggested_rate_scale_is_that_of_the_command_with_what_was_given_in_it(tmp_path: Path) -> None:
    given = replace(result(), rate_scale=5.0)
    said = "at the plan's rates (rate_scale=5) times 0.316: rate_scale=1.58 is an upper end to try."
    assert said in result_lines(ABOUT | dict(plain(given)))[0]
    found = page(tmp_path, given)
    assert "rate_scale=1.58 is an upper end" in found and '<p class="figure">rate_scale=1.58</p>' in found
    beside = result_lines(ABOUT | dict(plain(replace(given, stage_rates={"layer1": 10.0}))))[0]
    assert "rate_scale=1.58, the stage_rates as given, is an upper end" in beside


def test_a_best_factor_of_one_was_not_chosen(tmp_path: Path) -> None:
    assert "The best factor was chosen" not in page(tmp_path, result())
    tried = (*CELLS, Cell("layer1", 10.0, 0.7, (0.7,)))
    assert "The best factor was chosen on the figures shown" in page(tmp_path, result(cells=tried))


def test_an_answer_of_before_it_held_the_rates_given_has_its_page_still(tmp_path: Path) -> None:
    old = {k: v for k, v in plain(result()).items() if k not in ("rate_scale", "stage_rates")}
    (tmp_path / "result.json").write_text(json.dumps(ABOUT | old))
    assert "rates \u00d7 0.316" in write_page(tmp_path).read_text().replace("\u00a0", " ")
