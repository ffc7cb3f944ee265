import typing
from typing import Any

import pytest

from tlx.composition.values import check_arguments, check_types, check_values
from tlx.errors import ConfigError
from tlx.strategies.full import full


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
        check_arguments(full, {"epoch": 3}, "strategy")
    check_arguments(full, {"epochs": 3}, "strategy")
