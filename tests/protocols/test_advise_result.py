import json
from dataclasses import replace

from tests.protocols.advised import FOUND
from tlx.protocols.advise_result import AdviseResult
from tlx.protocols.plain import plain, typed


def test_it_is_the_same_after_json() -> None:
    assert typed(AdviseResult, json.loads(json.dumps(plain(FOUND)))) == FOUND


def test_a_sweep_compares_the_winner_and_there_may_be_none() -> None:
    assert FOUND.figures() == {"tournament_accuracy": 0.9, "neighbour_accuracy": 0}
    assert replace(FOUND, entrants=()).figures()["tournament_accuracy"] is None
