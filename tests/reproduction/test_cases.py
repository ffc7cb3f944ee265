"""Every case can be named on a command line, and says what others published."""

import pytest

from scripts.reproduction.cases import CASES, Case, words
from tlx.composition.compose import compose


def test_names_are_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_composes_to_what_it_says(case: Case) -> None:
    told = [word for word in words(case, (3,)) if not word.startswith("seed=")]
    config = compose("sequence", [*told, "data.file=mnist.npz", "seed=3"]).config
    assert config["scenario"] == case.scenario
    regularizers = config["regularizer"]
    if case.method == "none":
        assert regularizers == {}
        return
    name, _, how = case.method.partition(" ")
    assert set(regularizers) == {name}
    if name == "ewc":
        assert how in (regularizers["ewc"]["estimator"], regularizers["ewc"]["tasks"])


def test_published_values_are_percentages_with_a_source() -> None:
    unpublished = {case.experiment for case in CASES if not case.published}
    assert unpublished == {f"split_mnist_domain_ewc_{kind}" for kind in ("empirical", "batched")}
    for case in CASES:
        for value, where in case.published:
            assert 50 < value < 100 and where
