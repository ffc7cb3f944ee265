import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.functional.crossing import crossings, log_area

PLACES = [1.0, 2.0, 4.0, 8.0]
CURVES = st.lists(st.floats(0, 1), min_size=4, max_size=4)


def test_a_curve_that_touches_another_and_turns_back_does_not_cross_it() -> None:
    assert crossings(PLACES, [0.5, 0.3, 0.5, 0.6], [0.3, 0.3, 0.3, 0.3]) == []


def test_curves_that_meet_in_a_point_and_part_on_the_other_side_cross_there() -> None:
    assert crossings(PLACES, [0.1, 0.3, 0.5, 0.6], [0.3, 0.3, 0.3, 0.3]) == [2.0]


def test_two_crossings_are_both_found() -> None:
    found = crossings(PLACES, [0.1, 0.5, 0.5, 0.1], [0.3] * 4)
    assert len(found) == 2 and 1 < found[0] < 2 and 4 < found[1] < 8


@given(CURVES, CURVES)
def test_it_does_not_matter_which_curve_is_called_the_first(one: list[float], other: list[float]) -> None:
    assert crossings(PLACES, one, other) == pytest.approx(crossings(PLACES, other, one))


@given(st.floats(0, 1))
def test_the_area_of_a_constant_is_the_constant(value: float) -> None:
    assert log_area(PLACES, [value] * 4) == pytest.approx(value)


def test_of_one_point_the_area_is_its_value() -> None:
    assert log_area([4], [0.25]) == 0.25


@pytest.mark.parametrize(("places", "values"), [([2, 1], [0, 0]), ([0, 1], [0, 0]), ([1, 2], [0]), ([], [])])
def test_places_that_do_not_rise_are_refused(places: list[float], values: list[float]) -> None:
    with pytest.raises(ConfigError, match="rising numbers"):
        log_area(places, values)
