from dataclasses import replace
from typing import Any

from tests.protocols.results.test_gain import RESULT
from tests.report.page_reader import Page
from tlx.protocols.comparison.corruptions import Corruptions
from tlx.protocols.comparison.measured import Measured
from tlx.protocols.plain import plain
from tlx.report.measured import bounds, corruptions, difference, measured_table

NOISE = Measured("gaussian_noise", 8, 0.5, 0.25, 0.25, 0.1, 0.4, "positive transfer")
LIGHT = Measured("<i>", 8, 0.25, 0.5, -0.25, -0.4, -0.1, "negative transfer")
MEAN = Measured("mean", 8, 0.375, 0.375, 0.0, -0.2, 0.2, "none shown")


def result(**changes: Any) -> dict[str, Any]:
    found = Corruptions(4, (NOISE, LIGHT), MEAN, ("saturate",))
    return dict(plain(replace(RESULT, **{"corrupted": found, **changes})))


def said(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2212", "-")


def test_a_row_says_both_arms_their_difference_and_what_it_means() -> None:
    table = measured_table("accuracy", [("noisy", plain(NOISE))])
    cells = [said(cell) for cell in table.rows[0]]
    assert cells == [
        "noisy",
        "50.0 %",
        "25.0 %",
        "25.0 points",
        "10.0 points to 40.0 points",
        "positive transfer",
    ]
    assert len(table.columns) == len(cells)


def test_numbers_are_told_in_their_unit() -> None:
    assert (difference("mae", 1.5), bounds("mae", {"low": 1.0, "high": 2.0})) == ("1.500", "1.000 to 2.000")


def test_corruptions_stand_between_the_clean_images_and_their_mean() -> None:
    (section,) = corruptions(result())
    (table,) = section.tables
    assert [row[0] for row in table.rows] == [
        "as they are",
        "gaussian noise",
        "<i>",
        "mean of the corruptions",
    ]
    assert [said(row[3]) for row in table.rows] == [
        "25.0 points",
        "25.0 points",
        "-25.0 points",
        "0.0 points",
    ]
    assert said(table.rows[0][1]) == "50.0 %" and said(table.rows[0][2]) == "25.0 %"
    assert "8 corrupted ones (test), by 2 corruptions" in section.notes[0]
    assert "severity 4 of 5" in section.notes[0]
    assert section.notes[1].startswith("By saturate hardly a pixel changes")
    assert "the mean leaves them out" in section.notes[1]
    (alone,) = corruptions(result(corrupted=Corruptions(1, (NOISE,), NOISE, ("gaussian_noise",))))
    assert "mean leaves" not in alone.notes[1]


def test_the_drawing_has_a_row_for_each_and_both_arms() -> None:
    (section,) = corruptions(result())
    drawn = Page(str(section.plots[0])).words
    for word in ("as they are", "gaussian noise", "<i>", "Pre-trained", "From scratch", "accuracy, %"):
        assert word in drawn
    assert "<i>" not in section.plots[0]


def test_without_corruptions_and_in_answers_of_before_there_is_no_part_for_them() -> None:
    assert corruptions(result(corrupted=None)) == []
    before = result()
    del before["corrupted"]
    assert corruptions(before) == []


def test_one_corruption_that_changes_all_images_needs_no_plural_and_no_excuse() -> None:
    (section,) = corruptions(result(corrupted=Corruptions(1, (NOISE,), NOISE, ())))
    assert "by 1 corruption of" in section.notes[0] and len(section.notes) == 1
