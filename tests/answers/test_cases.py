"""Every case can be asked, of places that are named, with seeds where a verdict hangs on them."""

from pathlib import Path

import pytest

from scripts.answers.cases import CASES, PLACES, Case, case_of, places_of, words
from scripts.answers.table import TABLES
from tlx.composition.compose import compose

SOMEWHERE = {name: Path(f"/somewhere/{name}") for name in PLACES}
SHIFTED = {name: Path(f"/{following}/x") for name, following in zip(PLACES, [*PLACES][1:], strict=False)}


def test_names_are_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.words for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_composes_and_its_table_is_known(case: Case) -> None:
    config = compose(case.verb, words(case, SOMEWHERE)).config
    assert case.verb in TABLES
    assert places_of(case)
    assert config["trainer"]["accelerator"] == "cpu"
    if case.verb in ("gain", "fewshot"):
        assert config[case.verb]["seeds"] >= 5


def test_a_path_with_the_name_of_another_place_in_it_stays_as_it_is() -> None:
    case = case_of("gain-ants_bees")
    told = words(case, SHIFTED | {"SQUEEZENET": Path("/PHOTOS/w.pth")})
    assert "model.weights=/PHOTOS/w.pth" in told and "data.root=/PACS/x" in told


def test_only_probes_are_held_against_what_is_known() -> None:
    known = [case for case in CASES if case.known is not None]
    assert len(known) >= 5 and {case.verb for case in known} == {"probe"}
    for case in known:
        assert case.known is not None and 0 < case.known.low <= case.known.high < 100
