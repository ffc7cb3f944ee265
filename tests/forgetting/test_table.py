import pytest

from scripts.forgetting.table import before, caption, markdown
from tests.forgetting.result import made_up, run


def test_a_row_has_percent_with_intervals_and_points_against_none() -> None:
    head, _, none, weak, strong = markdown(made_up()).splitlines()
    assert head.count("|") == none.count("|") == strong.count("|")
    assert none == "| `none` |  | 82.0 [56.6, 107.4] |  | 12.0 [−13.4, 37.4] |  |"
    assert weak == "| `ewc` | 10 | 82.0 | +2.0 | 20.0 | +10.0 |"
    assert strong.startswith("| `ewc` | 1000 | 86.0 [77.0, 95.0] | +2.0 [−10.7, +14.7] | 37.0 [34.5, 39.5] |")


def test_runs_that_started_from_different_networks_are_not_held_together() -> None:
    result = made_up()
    assert before(result) == 0.4
    result["runs"].append(run("ewc", 10.0, 1, 0.8, 0.2) | {"source_before": 0.5})
    with pytest.raises(SystemExit, match=r"networks of accuracy \[0.4, 0.5\]"):
        before(result)


def test_the_caption_says_what_was_measured_and_what_failed() -> None:
    said = caption(made_up())
    assert "image size 128" in said and "40.0 % right" in said and "3 seeds" in said
    assert "500 photos" in said and "490 of other classes" in said
    assert "failed" not in said
    assert "1 runs failed" in caption(made_up() | {"failed": [{"method": "ewc"}]})
