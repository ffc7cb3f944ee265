from tlx.protocols.gain import Gain
from tlx.protocols.given import Question, data_named
from tlx.protocols.lr import Lr
from tlx.verbs.protocol import QUESTIONS


def test_every_verb_is_a_question_by_its_class() -> None:
    asked: list[Question] = [Gain(), Lr()]
    assert {type(each).__name__ for each in asked} <= set(QUESTIONS.values())


def test_data_is_called_after_its_folder() -> None:
    assert data_named({"root": "/data/sketch/"}, "folder") == "sketch"
    assert data_named({"root": "/"}, "folder") == "folder"
    assert data_named({"root": None}, "torchvision") == "torchvision"
