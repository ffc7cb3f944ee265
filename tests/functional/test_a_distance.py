from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.functional.a_distance import a_distance


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shifted(samples: int, size: int, by: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    target = normal(samples, size, seed=2 * seed + 1)
    target[:, 0] += by
    return normal(samples, size, seed=2 * seed), target


@pytest.mark.parametrize(("shift", "published"), [(0, 0), (1, 0.7658), (2, 1.3654), (4, 1.9090)])
def test_two_gaussians_in_closed_form(shift: float, published: float) -> None:
    """A threshold halfway is the best there is: 2 (2 Phi(mu / 2) - 1)."""
    expected = 2 * (2 * NormalDist().cdf(shift / 2) - 1)
    assert expected == pytest.approx(published, abs=1e-4)
    found = a_distance(*shifted(6000, 1, shift, seed=1))
    assert found.value == pytest.approx(expected, abs=0.06)
    assert found.low <= expected <= found.high


@pytest.mark.parametrize(
    ("samples", "size", "shift"), [(40, 1, 0), (40, 200, 0), (60, 20, 1.5), (60, 200, 4)]
)
def test_the_interval_covers(samples: int, size: int, shift: float) -> None:
    """What is to be covered: the mean over many samples of the distance at this number of them."""
    found = [a_distance(*shifted(samples, size, shift, seed), repeats=2) for seed in range(60)]
    truth = float(np.mean([one.value for one in found]))
    if shift == 0:
        assert truth == pytest.approx(0, abs=0.1)  # 3.5 standard errors
        truth = 0.0
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.93


def test_domains_that_lie_apart_give_two_and_an_interval_with_a_width() -> None:
    found = a_distance(*shifted(50, 3, 100, seed=0))
    assert (found.value, found.error, found.high) == (2, 0, 2)
    assert found.low == pytest.approx(2 - 4 * (1.96**2 / (50 + 1.96**2)), abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.integers(5, 30), st.integers(5, 30), st.integers(1, 40), st.integers(0, 10**6))
def test_symmetry_rotation_shift_and_scale(samples: int, others: int, size: int, seed: int) -> None:
    source, target = normal(samples, size, seed=seed), normal(others, size, seed=seed + 1) + 0.5
    found = a_distance(source, target, repeats=1)
    turned = torch.linalg.qr(normal(size, size, seed=seed))[0]
    assert a_distance(target, source, repeats=1) == found
    assert a_distance(1e3 * (source @ turned + 5), 1e3 * (target @ turned + 5), repeats=1) == found
    assert -2 <= found.low <= found.value <= found.high <= 2


@pytest.mark.parametrize("size", [1, 8, 300])
def test_a_domain_against_itself_is_at_zero(size: int) -> None:
    rows = normal(60, size)
    assert a_distance(rows, rows.clone()).value == 0
    assert a_distance(torch.ones(10, size), torch.ones(10, size)).value == 0


def test_more_samples_of_one_domain_change_nothing_but_chance() -> None:
    """A classifier that names the larger domain would be right in 95 of 100 cases."""
    for shift in (0.0, 1.0):
        expected = 2 * (2 * NormalDist().cdf(shift / 2) - 1)
        many, few = normal(3000, 1, seed=1), normal(150, 1, seed=2) + shift
        found = a_distance(many, few)
        assert found.size == 150
        assert found.value == pytest.approx(expected, abs=0.25)
        assert a_distance(few, many) == found


def test_chance_below_zero_is_kept() -> None:
    found = [a_distance(*shifted(20, 5, 0, seed), repeats=1).value for seed in range(40)]
    assert 8 <= sum(value < 0 for value in found) <= 32


def test_each_repeat_and_seed_draws_anew() -> None:
    source, target = shifted(60, 5, 1, seed=3)
    assert a_distance(source, target) == a_distance(source, target)
    values = {a_distance(source, target, seed=seed, repeats=1).value for seed in range(5)}
    assert len(values) > 1
    spread = [
        np.std([a_distance(source, target, seed=n, repeats=r).value for n in range(12)]) for r in (1, 8)
    ]
    assert spread[1] < spread[0]


def test_fewer_samples_may_be_asked_for() -> None:
    source, target = shifted(60, 2, 1, seed=0)
    found, all_of_them = a_distance(source, target, size=20), a_distance(source, target)
    assert found.size == 20 and found.high - found.low > all_of_them.high - all_of_them.low


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"size": 31}, r"size=31 .* \[5, 30\]"),
        ({"size": 4}, "size=4"),
        ({"folds": 1}, "folds"),
        ({"repeats": 0}, "1 repeat"),
    ],
)
def test_what_cannot_be_used_is_refused(change: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        a_distance(normal(30, 2), normal(40, 2, seed=1), **change)


def test_fewer_samples_than_folds_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 5 samples"):
        a_distance(normal(4, 2), normal(40, 2))
