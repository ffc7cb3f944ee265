from typing import Any

from tests.protocols.advised import DISTANCE, SAME, entrant, models, probe
from tlx.protocols.advice.reasons import reasons_of, warnings_of
from tlx.protocols.label_guides import Guide
from tlx.protocols.results.advise import Risk

DIFFERENT = (SAME[0], Guide("smallest class", 2, "the head alone", "strategy=other"))


def reasons(**changes: Any) -> str:
    given: dict[str, Any] = {"models": models("a"), "guides": SAME, "entrants": [], "risk": None}
    given |= {"probe": probe(0.8, 0.82)} | changes
    return " ".join(reasons_of(**given))


def test_the_winner_is_named_with_those_that_cannot_be_told_from_it() -> None:
    near = entrant("strategy=lp_ft", 0.89, rate=3.0, behind_low=-0.01, behind_high=0.03)
    far = entrant("strategy=full", 0.5, behind_low=0.2, behind_high=0.4)
    scratch = entrant("strategy=scratch", 0.89, behind_low=-0.01, behind_high=0.03)
    said = reasons(entrants=[entrant("strategy=fine_tune", 0.9), near, near, far, scratch])
    assert "fine_tune was best of 5 short runs: 90.0 % of the validation samples after 3 epochs." in said
    assert "Not told apart from it on these samples: lp_ft, rates times 3." in said


def test_a_run_that_stands_alone_is_not_called_the_best() -> None:
    said = reasons(entrants=[entrant("strategy=full", 0.9)])
    assert "full was compared with nothing: 90.0 % of the validation samples after 3 epochs." in said


def test_from_scratch_is_said_to_be_better_where_it_is() -> None:
    risk = Risk("negative transfer", -0.2, -0.3, -0.1, 5)
    said = reasons(entrants=[entrant("strategy=full", 0.5)], risk=risk)
    assert "better than with what it knows: by 20.0 points [10.0, 30.0]" in said
    assert "was best of" not in said


def test_without_a_run_a_rule_of_thumb_decides() -> None:
    assert "a rule of thumb decides: below 100: the head alone" in reasons()


def test_both_rules_are_shown_where_they_differ() -> None:
    assert "Both rules of thumb say strategy=feature_extraction." in reasons()
    said = reasons(guides=DIFFERENT)
    assert (
        "differ: by all 40 labels strategy=feature_extraction, by the 2 of the smallest class strategy=other"
        in said
    )


def test_a_model_is_named_where_there_was_a_choice() -> None:
    assert "LogME" not in reasons()
    assert "a has the best LogME of 2 models, 1.000; next is b with 0.000" in reasons(models=models("a", "b"))


def test_a_lower_stage_that_tells_more_is_named() -> None:
    assert "as well as any: a linear probe is right in 82.0 %" in reasons()
    assert "stage low tells more than the last one, 90.0 against 60.0 %" in reasons(probe=probe(0.9, 0.6))


def test_warnings_say_what_was_left_out() -> None:
    skipped = [f"strategy=s{n}, 3 epochs" for n in range(5)]
    found = warnings_of(models("a"), probe(0.3, 0.4), [entrant("strategy=full", 0.5)], skipped, 100, 1000)
    assert found[0] == "so it is"
    assert "trained on 100 of 1,000 samples" in found[1]
    assert (
        "s0, 3 epochs; strategy=s1, 3 epochs; strategy=s2, 3 epochs and 2 more. Try: advise.budget="
        in found[2]
    )
    assert "decided on the validation samples" in found[3]
    assert warnings_of(models("a"), probe(0.9, 0.9), [], [], 10, 10) == ("so it is",)


def test_a_probe_that_is_better_than_the_winner_is_a_warning() -> None:
    found = warnings_of(models("a"), probe(0.9, 0.8), [entrant("strategy=full", 0.84)], [], 10, 10)
    assert "right in 90.0 % of the validation samples [85.0, 95.0], the best short run in 84.0 %" in found[1]


def test_a_probe_that_is_better_by_what_may_be_chance_is_none() -> None:
    found = warnings_of(models("a"), probe(0.9, 0.8), [entrant("strategy=full", 0.86)], [], 10, 10)
    assert not any("linear probe" in said for said in found)


def test_the_distance_from_a_source_is_told() -> None:
    assert "From photo it has a proxy A-distance of 1.50, where halves of it have 0.12." in reasons(
        distance=DISTANCE
    )
