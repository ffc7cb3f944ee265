import json
from dataclasses import replace

from tests.protocols.advised import FOUND
from tlx.protocols.plain import plain, typed
from tlx.protocols.results.advise import AdviseResult


def test_it_is_the_same_after_json() -> None:
    assert typed(AdviseResult, json.loads(json.dumps(plain(FOUND)))) == FOUND


def test_a_sweep_compares_the_winner_and_there_may_be_none() -> None:
    assert FOUND.figures() == {"val/tournament_accuracy": 0.9, "held_out/neighbour_accuracy": 0}
    assert replace(FOUND, entrants=()).figures()["val/tournament_accuracy"] is None


def test_a_sweep_shows_what_is_recommended_and_the_command() -> None:
    assert FOUND.texts() == {
        "recommended/model": "tiny",
        "recommended/strategy": "strategy=full strategy.epochs=10",
        "recommended/regularizer": "l2sp",
        "recommended/rate_scale": "3",
        "recommended/command": "tlx fit strategy=full 'data.root=/data/my photos' rate_scale=3.0",
    }
    assert "recommended/command" not in replace(FOUND, words=()).texts()
