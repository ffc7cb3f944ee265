from typing import Any

import pytest

from scripts.answers.table import TABLES, caption, markdown
from tests.report import test_advise, test_distance, test_fewshot, test_gain, test_probe, test_rank
from tlx.protocols.distance import Measure
from tlx.protocols.plain import plain


def entry(case: str, answer: dict[str, Any], *words: str) -> dict[str, Any]:
    return {"case": case, "words": list(words), "commit": "abc", "process": 90.0, "answer": answer}


def distances() -> dict[str, Any]:
    found = test_distance.result()
    named = [plain(Measure(name, 9.5, 9, 10, 3, 9.0, 2.5, 3.0, None, None)) for name in ("kid", "coral")]
    found["stages"][0]["measures"] += named
    return found


RUNS = (
    entry("rank-sketch", test_rank.result(), "data=digits"),
    entry("gain-scicite", test_gain.result(gain=-0.25, low=-0.4, high=-0.1, verdict="negative transfer")),
    entry("gain-ants_bees", test_gain.result(), "model=tiny", "gain.rates=[1,3]"),
    entry("fewshot-ants_bees", test_fewshot.result()),
    entry("probe-photo_sketch", test_probe.result()),
    entry("distance-sketch", distances()),
    entry("advise-ants_bees", test_advise.result()),
)


@pytest.fixture
def result() -> dict[str, Any]:
    about = {"date": "2026-01-02", "processor": {"name": "A processor"}, "versions": {"torch": "2.15.0"}}
    return {**about, "runs": list(RUNS), "failed": []}


def test_every_verb_has_its_table_with_the_commands_below(result: dict[str, Any]) -> None:
    parts = markdown(result).split("\n\n")
    assert parts[::3] == [f"`tlx {verb}`" for verb in TABLES]
    assert parts[2].splitlines()[0] == "    tlx gain model=tiny 'gain.rates=[1,3]'"
    for table in parts[1::3]:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_gain_says_its_verdict_and_interval(result: dict[str, Any]) -> None:
    good, poor = markdown(result).split("\n\n")[1].splitlines()[2:]
    assert "| +25.0 [+10.0, +40.0] | **positive transfer** |" in good
    assert "| −25.0 [−40.0, −10.0] | **negative transfer** |" in poor
    assert good.endswith("| 10 | 1 |")


def test_an_arm_and_a_candidate_have_rows_of_their_own(result: dict[str, Any]) -> None:
    said = markdown(result)
    assert (
        "| SqueezeNet, ants and bees | `<b>probe</b>` | 1: 50.0 [40.0, 60.0], 4: 70.0 [60.0, 80.0] |" in said
    )
    assert "|  | `full` | 1: 25.0 [20.0, 30.0], 4: 80.0 [70.0, 90.0] |  |  |" in said
    assert "|  | `poor` | 0.1 |  |  | 1.5 | 40.0 | 50.0 | 50.0 |" in said


def test_a_probe_is_held_against_what_is_known(result: dict[str, Any]) -> None:
    # the last stage: 87.5 % [80, 95], where 28.2 % is known
    assert "| 87.5 [80.0, 95.0] | 82.5 | `<i>layer1</i>`, 87.5 | 120 | 28.2 | no |" in markdown(result)


def test_a_distance_stands_beside_that_within_the_target(result: dict[str, Any]) -> None:
    row = "| 1.75 (0.05) | 12.5 (3) | 9.5 (2.5) | 0.0005 (0) | 9.5 (2.5) | 0.01 | 200, 100 |"
    assert row in markdown(result)


def test_an_advice_stands_with_the_rules_of_thumb_and_scratch(result: dict[str, Any]) -> None:
    said = "`full strategy.epochs=10`, l2sp, rates times 3 | 90.0 [0.0, 100.0] | 3 | +65.0 [+50.0, +80.0]"
    assert f"{said}, positive transfer | feature_extraction; feature_extraction | 1 |" in markdown(result)


def test_what_was_not_asked_has_no_table(result: dict[str, Any]) -> None:
    result["runs"] = result["runs"][:1]
    assert markdown(result).startswith("`tlx rank`") and "gain" not in markdown(result)


def test_the_caption_says_when_how_long_and_what_failed(result: dict[str, Any]) -> None:
    said = caption(result)
    assert "2026-01-02, commit abc, A processor, 10 minutes" in said and "torch 2.15.0" in said
    assert "have no answer" not in said
    result["failed"] = [{"case": "gain-sst2", "said": "killed"}]
    assert "1 questions have no answer" in caption(result)
