import pytest

from tlx.errors import ConfigError
from tlx.tasks.weights import check_weights, weights_by_name


def test_balanced_and_nothing_are_fine_and_weigh_one_by_name() -> None:
    check_weights("weights", "balanced")
    check_weights("weights", None)
    assert weights_by_name("weights", None, ["ant", "bee"]).tolist() == [1.0, 1.0]


def test_names_that_yaml_reads_as_numbers_are_names() -> None:
    assert weights_by_name("weights", {1: 4.0}, ["0", "1"]).tolist() == [1.0, 4.0]  # type: ignore[dict-item]


@pytest.mark.parametrize("weight", [0, -1.0, float("inf"), True, "2"])
def test_what_is_no_number_above_zero_is_refused(weight: object) -> None:
    with pytest.raises(ConfigError, match="weights of bee"):
        check_weights("weights", {"bee": weight})  # type: ignore[dict-item]


@pytest.mark.parametrize("weights", [[1, 2], 5, "evenly", True])
def test_what_is_no_mapping_is_refused_and_not_ignored(weights: object) -> None:
    with pytest.raises(ConfigError, match="by its name"):
        check_weights("weights", weights)  # type: ignore[arg-type]
