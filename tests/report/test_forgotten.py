from pathlib import Path
from typing import Any

import pytest

from tlx.report.forgotten import forgotten
from tlx.report.run_files import RunFiles

SUMMARY: dict[str, Any] = {
    "source/accuracy_before": 0.75,
    "source/accuracy_after": 0.7,
    "source/forgetting": 0.05,
    "source/forgetting_low": -0.01,
    "source/forgetting_high": 0.11,
    "source/samples": 500,
    "source/samples_seen": 0,
}


def shown(**settings: Any) -> dict[str, Any]:
    found = forgotten(RunFiles(Path("run"), summary=SUMMARY | settings.pop("summary", {}), settings=settings))
    assert found is not None
    return found


def test_points_and_their_interval_are_shown() -> None:
    cells = dict(shown()["cells"])
    assert cells["Forgetting"] == "5.0\u00a0points"
    assert cells["95 % interval"] == "\N{MINUS SIGN}1.0 to 11.0\u00a0points"
    assert cells["Samples"] == "500"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.1, "More was lost"), (-0.1, -0.01, "better than before"), (-0.1, 0.1, "No loss is shown")],
)
def test_a_verdict_is_given_by_the_interval_not_by_the_point(low: float, high: float, said: str) -> None:
    assert said in shown(summary={"source/forgetting_low": low, "source/forgetting_high": high})["verdict"]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (0, "of which nothing was made"),
        (44, "44 of these 500 are in train or val"),
        (None, "is not known"),
    ],
)
def test_nothing_was_made_of_samples_only_where_the_data_does_not_hold_them(seen: Any, said: str) -> None:
    found = shown(summary={"source/samples_seen": seen})["samples"]
    assert said in found
    assert ("of which nothing was made" in found) is (seen == 0)


def test_what_held_on_is_named() -> None:
    assert shown()["held_on_by"] == "nothing but what stayed frozen"
    nodes = {"ewc": {"strength": 1000.0}, "replay": {"strength": 0.5}}
    assert shown(regularizer=nodes)["held_on_by"] == "ewc at strength 1000, replay at strength 0.5"


def test_the_source_its_split_and_what_settings_became_are_named() -> None:
    held = ["ewc at strength 1000 (exact Fisher information)", "replay at strength 0.5"]
    told = {"source/data": "folder /photos", "source/split": "test", "source/held_on_by": held}
    found = shown(summary=told, regularizer={"ewc": {"strength": 1000.0}})
    assert (found["source"], found["split"]) == ("folder /photos", "test")
    assert found["held_on_by"] == ", ".join(held)
    nothing = shown(summary=told | {"source/held_on_by": []})
    assert nothing["held_on_by"] == "nothing but what stayed frozen"


def test_what_was_chosen_and_had_nothing_to_hold_on_to_is_said_to_have_had_nothing() -> None:
    nodes = {"ewc": {"strength": 1000.0}, "lwf": {"strength": 1.0}}
    found = shown(summary={"source/held_on_by": []}, regularizer=nodes)["held_on_by"]
    assert found == (
        "nothing, although ewc at strength 1000, lwf at strength 1 was chosen: "
        "nothing trains that begins with values that were known"
    )


def test_without_a_source_there_is_nothing_to_show() -> None:
    assert forgotten(RunFiles(Path("run"), summary={"val/accuracy": 0.5})) is None
