import re

from tlx.report.statistic import statistic
from tlx.report.trade_off import NAMED, trade_off


def points(count: int) -> list:
    return [
        (f"ewc{n}", statistic([0.8 + n / 100, 0.9], 0.0, 1.0), statistic([0.1, 0.2 - n / 100], -1.0, 1.0))
        for n in range(count)
    ]


def test_each_combination_is_a_point_that_bears_its_name() -> None:
    drawn = trade_off(points(3), "test accuracy")
    assert all(f"ewc{n}" in drawn for n in range(3))
    assert "test accuracy" in drawn and "forgetting, points" in drawn


def test_one_job_has_a_point_without_lines() -> None:
    alone = [("ewc", statistic([0.8], 0.0, 1.0), statistic([0.1], -1.0, 1.0))]
    assert trade_off(alone, "a").count("LineCollection") == 0
    assert trade_off(points(1), "a").count("LineCollection") == 2


def test_many_points_are_not_named() -> None:
    assert "ewc1" not in trade_off(points(NAMED + 1), "test accuracy")


def places(drawn: str) -> dict[str, tuple[float, float]]:
    """Where each text stands."""
    found = re.findall(r'<text style="[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<', drawn)
    return {name: (float(x), float(y)) for x, y, name in found}


def test_names_of_near_points_do_not_meet() -> None:
    def near(name: str, learnt: float) -> tuple:
        return (name, statistic([learnt, learnt], 0.0, 100.0), statistic([0.1, 0.1], -1.0, 1.0))

    far, one, other = near("far", 50.0), near("strength 10", 90.0), near("strength 1", 90.4)
    found = places(trade_off([far, one, other], "accuracy"))
    assert found.keys() >= {"far", "strength 10", "strength 1"}
    (x, y), (beside, below) = found["strength 10"], found["strength 1"]
    assert abs(y - below) > 8 or abs(x - beside) > 60
