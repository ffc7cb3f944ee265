import importlib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tlx.composition.arguments import check_types, check_values, read_arguments
from tlx.errors import ConfigError
from tlx.strategies.full import full
from tlx.verbs.protocol import QUESTIONS


@dataclass
class Asked:
    rates: Sequence[float] = (0.3, 1.0)
    shots: Sequence[int] = (1, 2)
    stages: Sequence[str] | None = None
    which: str | Sequence[str] = "last"
    more: Mapping[str, Any] | None = None
    margin: float = 0.01
    find: bool = True


def test_annotations_that_are_not_plain_are_left_to_the_class() -> None:
    check_values({"_target_": "tlx.data.folder.Folder", "extensions": [".png"]}, "data")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"rates": ["a"]},
            "ask.rates=['a'] is not usable. Expected a list of numbers. Try: ask.rates=[0.3,1.0]",
        ),
        ({"rates": 1}, "ask.rates=1 is not usable. Expected a list of numbers. Try: ask.rates=[1]"),
        ({"rates": [True]}, "ask.rates=[True]"),
        ({"rates": [[1.0]]}, "ask.rates=[[1.0]]"),
        ({"rates": None}, "ask.rates=None"),
        (
            {"rates": [float("nan")]},
            "ask.rates=[nan] is not usable. Expected a list of numbers, finite. Try: ask.rates=[0.3,1.0]",
        ),
        ({"rates": [1.0, float("inf")]}, "ask.rates=[1.0, inf]"),
        (
            {"rates": float("inf")},
            "ask.rates=inf is not usable. Expected a list of numbers. Try: ask.rates=[0.3",
        ),
        (
            {"margin": float("inf")},
            "ask.margin=inf is not usable. Expected a number, finite. Try: ask.margin=0.01",
        ),
        ({"margin": "wide"}, "ask.margin='wide' is not usable. Expected a number. Try: ask.margin=0.01"),
        ({"find": 1}, "ask.find=1 is not usable. Expected true or false. Try: ask.find=true, the default"),
        ({"shots": [1.5, 2]}, "ask.shots=[1.5, 2] is not usable. Expected a list of whole numbers"),
        ({"shots": 5}, "Try: ask.shots=[5]"),
        ({"stages": [1.5]}, "Expected a list of texts or null. Try: ask.stages=null, the default"),
        ({"stages": {"a": 1}}, "ask.stages={'a': 1}"),
        (
            {"more": 5},
            "ask.more=5 is not usable. Expected arguments by their names or null. Try: ask.more=null",
        ),
        ({"more": [5]}, "ask.more=[5]"),
        ({"rate": 5}, "no key of ask 'rate'"),
    ],
)
def test_values_of_another_kind_are_refused_inside_of_lists_too(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_arguments(Asked, given, "ask")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"stages": "layer2"}, {"stages": ["layer2"]}),
        ({"stages": ["layer2", 0]}, {"stages": ["layer2", "0"]}),
        ({"stages": []}, {"stages": []}),
        ({"stages": None}, {"stages": None}),
        ({"which": "all"}, {"which": "all"}),
        ({"which": ["a", "b"]}, {"which": ["a", "b"]}),
        ({"rates": (1, 0.5)}, {"rates": (1, 0.5)}),
        ({"more": {"epochs": 3}, "margin": 1}, {"more": {"epochs": 3}, "margin": 1}),
    ],
)
def test_a_single_name_stands_for_a_list_of_it(given: dict[str, Any], read: dict[str, Any]) -> None:
    assert read_arguments(Asked, given, "ask") == read


@pytest.mark.parametrize("verb", QUESTIONS)
def test_every_argument_of_a_question_can_be_held_against_its_annotation(verb: str) -> None:
    kind = getattr(importlib.import_module(f"tlx.protocols.{verb}"), QUESTIONS[verb])
    for key in kind.__dataclass_fields__:
        with pytest.raises(ConfigError, match=rf"{verb}\.{key}="):
            read_arguments(kind, {key: [object()]}, verb)


def annotated(
    number: float, count: int, word: typing.Literal["a", "b"], maybe: bool | None, names: list[str]
) -> None: ...


HINTS = typing.get_type_hints(annotated)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"number": "1"}, "node.number='1' is not usable. Expected a number"),
        ({"count": 1.5}, "node.count=1.5 is not usable. Expected a whole number"),
        ({"count": True}, "node.count=True"),
        ({"word": 1}, "node.word=1 is not usable. Expected text"),
        ({"maybe": "yes"}, "node.maybe='yes' is not usable. Expected true or false or null"),
    ],
)
def test_a_value_of_another_kind_is_named_with_what_is_expected(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_types(values, HINTS, "node")


def test_a_whole_number_is_a_number_and_what_is_not_plain_is_left_to_the_class() -> None:
    check_types({"number": 1, "count": 2, "word": "c", "maybe": None, "names": 3, "other": {}}, HINTS, "node")
    check_values({"_target_": "tlx.data.folder.Folder", "extensions": [".png"]}, "data")


def test_a_recipe_is_held_against_what_it_builds() -> None:
    with pytest.raises(ConfigError, match=r"strategy\.epochs='many' is not usable"):
        check_values({"_target_": "tlx.strategies.full.full", "epochs": "many"}, "strategy")


def test_an_argument_that_is_not_taken_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no key of strategy 'epoch'.* Try: epochs"):
        read_arguments(full, {"epoch": 3}, "strategy")
    assert read_arguments(full, {"epochs": 3}, "strategy") == {"epochs": 3}
