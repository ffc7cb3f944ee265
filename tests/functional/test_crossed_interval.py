import math

import pytest
import torch

from tlx.errors import ConfigError
from tlx.functional.crossed_interval import crossed_interval
from tlx.functional.intervals import t_interval


def test_of_one_sample_it_is_students_interval_over_the_runs() -> None:
    values = [0.90, 0.92, 0.94]
    assert crossed_interval(torch.tensor(values).unsqueeze(1)) == pytest.approx(t_interval(values), abs=1e-6)


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
