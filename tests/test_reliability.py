"""The page of reliability says what was measured, and its rows name tests that exist."""

import json
import re
from pathlib import Path

import pytest

from scripts.faults import DOCUMENT, RESULTS
from scripts.reliability.document import document
from scripts.reliability.rows import ROWS
from scripts.reliability.writes import flip_bits, kill_writes

TESTS = Path(__file__).parent
LATER = {18, 34, 64}
"""Rows of the test plan that belong to work to come."""


def test_the_page_is_the_one_the_figures_make() -> None:
    assert DOCUMENT.read_text() == document(json.loads(RESULTS.read_text()))


def test_a_promise_without_a_figure_says_so() -> None:
    assert document({}).count("not measured yet") == 6
    said = document({"flips": {"detected": 7, "flipped": 9, "date": "2026-01-01"}})
    assert "**7 of 9** (2026-01-01)" in said and said.count("not measured yet") == 5


def test_every_row_of_the_plan_is_there() -> None:
    assert set(ROWS) == set(range(1, 65)) - LATER


@pytest.mark.parametrize("number", [number for number, (_, tests) in ROWS.items() if tests])
def test_a_row_names_tests_that_exist(number: int) -> None:
    for test in ROWS[number][1]:
        file, _, part = test.partition("::")
        text = (TESTS / f"{file}.py").read_text()
        assert re.search(r"^ *def test_", text, re.M)
        assert part in text, f"{file} has no {part}"


def test_kills_in_writes_and_flipped_bits_are_counted(tmp_path: Path) -> None:
    assert kill_writes(tmp_path / "writes", 4, 0)["newest_unusable"] == 0
    assert flip_bits(tmp_path / "flips", 4, 0) == {"flipped": 4, "detected": 4}
