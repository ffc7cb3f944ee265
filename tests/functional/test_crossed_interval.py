import math
from statistics import NormalDist

import pytest
import torch
from scipy.special import stdtrit

from tlx.errors import ConfigError
from tlx.functional.crossed_interval import crossed_interval
from tlx.functional.intervals import paired_difference, t_interval


def test_of_one_sample_nothing_is_known_of_others() -> None:
    values = torch.tensor([[0.90], [0.92], [0.94]])
    assert crossed_interval(values) == (-math.inf, math.inf)
    low, high = crossed_interval(values, reach=1.0)
    assert low < 0 and high == 1.0


def test_of_one_run_of_right_and_wrong_it_is_that_of_a_paired_difference() -> None:
    """Of 100 samples with z for t: half a sample in each of four cells (Agresti and Min 2005)."""
    row = torch.tensor([[1.0] * 16 + [-1.0] * 4 + [0.0] * 80])
    low, high = crossed_interval(row, reach=1.0)
    known = paired_difference(16, 4, 100)
    assert (low + high) / 2 == pytest.approx(sum(known) / 2)
    stretched = stdtrit(101, 0.975) / NormalDist().inv_cdf(0.975) * (102 / 101) ** 0.5
    assert high - low == pytest.approx((known[1] - known[0]) * stretched)


def test_samples_that_all_say_the_same_leave_a_doubt_that_shrinks_with_their_number() -> None:
    lows = [crossed_interval(torch.ones(3, count), reach=1.0)[0] for count in (1, 4, 16, 64, 1024)]
    assert lows == sorted(lows) and lows[1] < 0 < lows[2] and lows[-1] > 0.99
    assert crossed_interval(torch.zeros(3, 4), reach=1.0)[0] < 0


def test_few_samples_of_shares_near_the_end_are_held_as_often_as_it_says() -> None:
    generator, held = torch.Generator().manual_seed(0), 0
    for _ in range(300):
        ease = torch.randn(1, 16, generator=generator)
        right = [
            (
                ease + 0.5 * torch.randn(3, 16, generator=generator) < 1.118 * NormalDist().inv_cdf(share)
            ).double()
            for share in (0.97, 0.95)
        ]
        low, high = crossed_interval(right[0] - right[1], reach=1.0)
        held += low <= 0.02 <= high
    assert held / 300 >= 0.95  # 0.8 without the two samples


def test_a_value_beyond_its_reach_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"reach=1.0.*at least 2"):
        crossed_interval(torch.tensor([[2.0, 0.0]]), reach=1.0)


def test_of_one_run_it_is_students_interval_over_the_samples() -> None:
    values = [0.0, 1.0, 1.0, -1.0]
    assert crossed_interval(torch.tensor([values])) == pytest.approx(t_interval(values), abs=1e-6)


def test_runs_that_agree_and_differ_from_samples_leave_the_spread_of_samples() -> None:
    row = torch.tensor([0.0, 1.0, 0.0, 1.0])
    low, high = crossed_interval(row.repeat(3, 1))
    assert (low, high) == pytest.approx(t_interval(row.tolist()), abs=1e-6)


def test_it_holds_the_mean_of_the_population_as_often_as_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(400):
        runs = torch.randn(5, 1, generator=generator)
        samples = torch.randn(1, 40, generator=generator)
        rest = torch.randn(5, 40, generator=generator)
        low, high = crossed_interval(0.3 * runs + samples + rest)
        held += low <= 0 <= high
    assert held / 400 >= 0.94


def test_nothing_that_varies_has_no_width_and_one_value_no_end() -> None:
    assert crossed_interval(torch.zeros(3, 4)) == (0.0, 0.0)
    assert crossed_interval(torch.zeros(1, 1)) == (-math.inf, math.inf)


@pytest.mark.parametrize("wrong", [torch.zeros(0, 3), torch.zeros(3)])
def test_what_is_no_table_is_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match="table of runs by samples"):
        crossed_interval(wrong)
