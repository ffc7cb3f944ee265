import pytest

from tlx.report.statistic import COLUMNS, columns, statistic


def test_the_mean_comes_with_its_spread_cut_to_what_the_figure_can_be() -> None:
    found = statistic([0.9, 1.0, 1.0], 0.0, 1.0)
    assert found.n == 3 and found.mean == pytest.approx(2.9 / 3)
    assert found.std == pytest.approx((2 / 300) ** 0.5 / 2**0.5)
    assert found.interval is not None and found.interval[1] == 1.0 and found.interval[0] > 0


def test_one_job_has_no_spread() -> None:
    found = statistic([0.5], 0.0, 1.0)
    assert (found.std, found.interval) == (None, None)
    assert columns(found) == ["0.5", "", "", "", "0.5", "0.5"]
    assert columns(None) == [""] * len(COLUMNS)
