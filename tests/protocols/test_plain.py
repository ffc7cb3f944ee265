import json
from dataclasses import dataclass

import pytest

from tlx.errors import CheckpointError
from tlx.protocols.plain import plain, typed


@dataclass(frozen=True)
class Inner:
    name: str
    value: float | None


@dataclass(frozen=True)
class Outer:
    several: tuple[Inner, ...]
    pair: tuple[int, float]
    one: Inner | None
    by_name: dict[str, float]


WHOLE = Outer((Inner("a", 0.5), Inner("b", None)), (1, 2.5), Inner("c", 1.0), {"x": 1.5})


def test_an_answer_comes_back_from_json_as_it_was() -> None:
    assert typed(Outer, json.loads(json.dumps(plain(WHOLE)))) == WHOLE


def test_what_is_no_number_becomes_none_which_json_can_hold() -> None:
    assert plain(Inner("a", float("nan"))) == {"name": "a", "value": None}


def test_keys_that_stand_beside_an_answer_are_passed_over() -> None:
    assert typed(Inner, {"name": "a", "value": 1.0, "versions": {}}) == Inner("a", 1.0)


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(CheckpointError, match="lacks 'value' of Inner"):
        typed(Inner, {"name": "a"})
