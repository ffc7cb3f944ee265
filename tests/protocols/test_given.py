import pytest

from tests.protocols.advised import FOUND as ADVICE
from tests.protocols.advised import MEASURE
from tests.protocols.results.test_gain import RESULT as GAIN
from tlx.figures import TASK_FIGURES, TEXTS
from tlx.protocols.distance import DistanceResult, StageDistance
from tlx.protocols.gain import Gain
from tlx.protocols.given import Answer, Question
from tlx.protocols.lr import Lr, LrResult, StageGain
from tlx.protocols.probe import ProbeResult, StageProbe
from tlx.protocols.results.fewshot import Curve, FewshotResult, Point
from tlx.protocols.results.rank import RankResult
from tlx.verbs.protocol import QUESTIONS

STAGE = StageProbe("high", 0.5, 0.4, 0.6, 0.25, 4, 1.0, True, 0.5)
CURVE = Curve("full", (Point(1, (0.5,), 0.5, None, None),), 0.5)
ANSWERS: dict[str, Answer] = {
    "advise": ADVICE,
    "distance": DistanceResult("photos", 4, 4, (StageDistance("high", 4, (MEASURE,)),), ()),
    "fewshot": FewshotResult((CURVE,), (), (0,), "val", 4, ()),
    "gain": GAIN,
    "lr": LrResult(
        None, "val/accuracy", True, 0.5, (0,), (), (StageGain("high", 1.0, 0.5, None, None),), (), 1.0, {}
    ),
    "probe": ProbeResult((STAGE,), "high", "test", 4, "val", 4, 8, False, 2, 0.5, ()),
    "rank": RankResult(ADVICE.models.candidates, "tiny", 4, "test", 4, "val", None, (), ()),
}


def test_every_verb_is_a_question_by_its_class() -> None:
    asked: list[Question] = [Gain(), Lr()]
    assert {type(each).__name__ for each in asked} <= set(QUESTIONS.values())


def test_there_is_an_answer_here_to_every_question() -> None:
    assert ANSWERS.keys() == QUESTIONS.keys()


@pytest.mark.parametrize("verb", ANSWERS)
def test_every_figure_of_an_answer_is_known_behind_what_it_is_measured_on(verb: str) -> None:
    keys = [key.rpartition("/") for key in ANSWERS[verb].figures()]
    assert keys[0][2] == TASK_FIGURES[verb][0]
    assert {name for _, _, name in keys} <= set(TASK_FIGURES[verb])
    assert {split for split, _, _ in keys} <= {"", "val", "test", "held_out"}


@pytest.mark.parametrize(
    ("verb", "keys"),
    [
        ("advise", {"val/tournament_accuracy", "held_out/neighbour_accuracy"}),
        ("distance", {"a_distance"}),
        ("fewshot", {"val/few_shot_area"}),
        ("gain", {f"test/{name}" for name in TASK_FIGURES["gain"][:5]}),
        ("lr", {"rate_factor"}),
        ("probe", {"test/probe_accuracy", "test/neighbour_accuracy"}),
        ("rank", {"logme", "val/neighbour_accuracy", "test/probe_accuracy"}),
    ],
)
def test_a_figure_bears_the_split_that_it_is_measured_on_and_others_none(verb: str, keys: set[str]) -> None:
    assert ANSWERS[verb].figures().keys() == keys


@pytest.mark.parametrize("verb", ANSWERS)
def test_what_an_answer_says_in_words_is_known_too(verb: str) -> None:
    assert ANSWERS[verb].texts().keys() <= TEXTS.keys()
    assert all(isinstance(text, str) and text for text in ANSWERS[verb].texts().values())
