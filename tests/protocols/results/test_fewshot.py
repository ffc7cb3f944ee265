import math

import pytest

from tlx.functional.intervals import paired_difference, t_interval, wilson
from tlx.protocols.results.fewshot import crossings_of, ordered_curves

N = 100
FLAT = [[0.5, 0.52, 0.48], [0.5, 0.52, 0.48]]
STEEP = [[0.2, 0.22, 0.18], [0.8, 0.81, 0.79]]
NEAR = [[0.5, 0.55, 0.45], [0.51, 0.5, 0.5]]


def test_the_greatest_area_comes_first_and_others_are_behind_it_seed_by_seed() -> None:
    lower = [[value - 0.1 for value in values] for values in FLAT]
    first, second = ordered_curves([1, 4], [("lower", lower), ("flat", FLAT)], N)
    assert (first.name, first.behind) == ("flat", None)
    assert first.area == pytest.approx(0.5)
    assert second.behind == pytest.approx(0.1)
    assert (second.behind_low, second.behind_high) == paired_difference(10, 0, N)  # of every seed alike


def test_arms_whose_seeds_disagree_are_behind_by_an_interval_that_holds_nothing() -> None:
    first, second = ordered_curves([1, 4], [("flat", FLAT), ("near", NEAR)], N)
    areas = [[(a + b) / 2 for a, b in zip(*table, strict=True)] for table in (NEAR, FLAT)]
    expected = t_interval([a - b for a, b in zip(*areas, strict=True)])
    assert (first.name, second.name) == ("near", "flat")
    assert (second.behind_low, second.behind_high) == pytest.approx(expected)
    assert second.behind_low is not None and second.behind_low < 0 < (second.behind_high or 0.0)


def test_a_crossing_lies_between_measured_numbers_and_is_told_where_both_sides_are() -> None:
    (crossing,) = crossings_of(ordered_curves([1, 4], [("steep", STEEP), ("flat", FLAT)], N), N)
    assert (crossing.below, crossing.above, crossing.first, crossing.last) == ("flat", "steep", 1, 4)
    assert crossing.shots == pytest.approx(math.exp(0.5 * math.log(4)))
    assert crossing.told_apart


def test_a_crossing_of_curves_that_are_not_told_apart_is_not_told_either() -> None:
    falling = [[0.52, 0.5, 0.5], [0.5, 0.45, 0.53]]
    (crossing,) = crossings_of(ordered_curves([1, 4], [("near", NEAR), ("falling", falling)], N), N)
    assert (crossing.below, crossing.above, crossing.told_apart) == ("falling", "near", False)


def test_curves_that_meet_at_a_measured_number_cross_there() -> None:
    rising, level = [[0.3, 0.3], [0.5, 0.5], [0.7, 0.7]], [[0.5, 0.5]] * 3
    (crossing,) = crossings_of(ordered_curves([1, 2, 8], [("rising", rising), ("level", level)], N), N)
    assert (crossing.shots, crossing.first, crossing.last, crossing.told_apart) == (2.0, 2, 2, True)


def test_of_one_seed_nothing_is_told_apart() -> None:
    curves = ordered_curves([1, 4], [("steep", [[0.2], [0.8]]), ("flat", [[0.4], [0.4]])], N)
    assert curves[1].behind_low is None and curves[1].behind == pytest.approx(0.1)
    assert [each.told_apart for each in crossings_of(curves, N)] == [False]


def test_curves_that_are_equal_for_a_while_cross_with_the_one_that_led_before_first() -> None:
    tables = [("one", [[0.1], [0.5], [0.5], [0.9]]), ("other", [[0.4], [0.5], [0.5], [0.6]])]

    (crossing,) = crossings_of(ordered_curves([1, 2, 4, 8], tables, N), N)

    assert (crossing.below, crossing.above) == ("other", "one")


def test_seeds_that_all_say_the_same_are_as_sure_as_the_samples_are_many() -> None:
    tables = [("one", [[0.75] * 3, [1.0] * 3]), ("other", [[1.0] * 3, [0.75] * 3])]

    few, many = (ordered_curves([1, 4], tables, number) for number in (4, 100))

    assert (few[0].points[1].low, few[0].points[1].high) == wilson(4, 4)
    assert (many[0].points[1].low, many[0].points[1].high) == wilson(100, 100)
    assert few[1].behind_low is not None and few[1].behind_low < 0 < (few[1].behind_high or 0.0)
    assert [each.told_apart for each in crossings_of(few, 4)] == [False], "one sample of four"
    assert [each.told_apart for each in crossings_of(many, 100)] == [True]
