from tlx.protocols.gain import Gain
from tlx.protocols.given import Question
from tlx.protocols.lr import Lr
from tlx.verbs.protocol import QUESTIONS


def test_every_verb_is_a_question_by_its_class() -> None:
    asked: list[Question] = [Gain(), Lr()]
    assert {type(each).__name__ for each in asked} <= set(QUESTIONS.values())
