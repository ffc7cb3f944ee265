"""Every case can be asked, of places that are named, with seeds where a verdict hangs on them."""

from pathlib import Path

import pytest

from scripts.answers.cases import CASES, PLACES, case_of, places_of, words
from scripts.answers.table import TABLES
from tlx.composition.compose import compose

SOMEWHERE = {name: Path(f"/somewhere/{name}") for name in PLACES}
SHIFTED = {name: Path(f"/{following}/x") for name, following in zip(PLACES, [*PLACES][1:], strict=False)}


def test_names_are_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.words for case in CASES}) == len(CASES)


def kinds() -> dict[tuple[str, ...], dict[str, str]]:
    """Every key of all cases that choose the same, with its word, for composing takes its time."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for case in CASES:
        told = {word.partition("=")[0]: word for word in words(case, SOMEWHERE)}
        chosen = tuple(word for key, word in told.items() if "." not in key)
        found.setdefault((case.verb, *chosen), {}).update(told)
    return found


@pytest.mark.parametrize("kind", kinds(), ids=" ".join)
def test_cases_compose_with_seeds_where_verdicts_are_given(kind: tuple[str, ...]) -> None:
    verb, *_ = kind
    config = compose(verb, list(kinds()[kind].values())).config
    assert config["trainer"]["accelerator"] == "cpu"
    if verb in ("gain", "fewshot"):
        assert config[verb]["seeds"] >= 5


def test_every_case_needs_a_place_and_has_a_table() -> None:
    assert all(places_of(case) and case.verb in TABLES for case in CASES)


def test_a_path_with_the_name_of_another_place_in_it_stays_as_it_is() -> None:
    case = case_of("gain-ants_bees")
    told = words(case, SHIFTED | {"SQUEEZENET": Path("/PHOTOS/w.pth")})
    assert "model.weights=/PHOTOS/w.pth" in told and "data.root=/PACS/x" in told


def test_only_probes_are_held_against_what_is_known() -> None:
    known = [case for case in CASES if case.known is not None]
    assert len(known) >= 5 and {case.verb for case in known} == {"probe"}
    for case in known:
        assert case.known is not None and 0 < case.known.low <= case.known.high < 100
