from collections.abc import Callable

import numpy as np
import pytest
import torch

from tlx.errors import ConfigError
from tlx.functional.a_distance import a_distance
from tlx.functional.coral_distance import coral_distance
from tlx.functional.frechet import frechet_distance
from tlx.functional.gaussian import gaussian_of_moments, gaussian_rows
from tlx.functional.mmd import mmd
from tlx.functional.same_domain import beside_same_domain

Distance = Callable[[torch.Tensor, torch.Tensor], float]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_bias_of_few_samples_shows_within_the_target() -> None:
    """64 dimensions, halves of 64: two samples of one distribution are 35 apart."""
    found = beside_same_domain(normal(128, 64), normal(128, 64, seed=1), frechet_distance, splits=5)
    assert found.size == 64
    assert found.within == pytest.approx(34.9, rel=0.08)
    assert found.within_low < found.within < found.within_high
    assert found.across == pytest.approx(found.within, rel=0.1)
    assert found.warning is not None and "as far from" in found.warning


def test_the_same_bias_is_in_both_numbers_where_domains_differ() -> None:
    found = beside_same_domain(normal(128, 64) + 1, normal(128, 64, seed=1), frechet_distance, splits=5)
    assert found.across - found.within == pytest.approx(64, rel=0.1)  # the means are 64 apart
    assert found.warning is not None and "% of the distance at 64" in found.warning


def test_an_unbiased_distance_has_nothing_within_the_target() -> None:
    found = beside_same_domain(normal(80, 3) + 2, normal(80, 3, seed=1), mmd)
    assert abs(found.within) < 0.05 * found.across
    assert found.warning is None


def test_sizes_are_equal_where_domains_are_not() -> None:
    sizes = []

    def distance(source: torch.Tensor, target: torch.Tensor) -> float:
        sizes.append((len(source), len(target)))
        return float(len(sizes))

    beside_same_domain(normal(41, 2), normal(21, 2), distance, splits=2)
    assert sizes == [(41, 21)] + [(10, 10), (10, 10), (20, 10)] * 2
    sizes.clear()
    beside_same_domain(normal(20, 2), normal(20, 2), distance, splits=2)
    assert sizes == [(20, 20)] + [(10, 10)] * 4


def test_halves_of_the_target_have_no_sample_in_common() -> None:
    rows = torch.arange(22.0)[:, None]
    pairs = []

    def distance(source: torch.Tensor, target: torch.Tensor) -> float:
        pairs.append((set(source.flatten().tolist()), set(target.flatten().tolist())))
        return 0.0

    beside_same_domain(rows + 100, rows, distance, splits=3)
    within, across = pairs[1::2], pairs[2::2]
    assert all(not one & two and len(one) == len(two) == 11 for one, two in within)
    assert len({tuple(sorted(one)) for one, _ in within}) == 3
    assert all({x - 100 for x in one} == two for one, two in across)  # versions of one sample stay together


@pytest.mark.parametrize(("distance", "others"), [(coral_distance, 150), (frechet_distance, 60)])
def test_the_interval_covers_the_expectation_at_this_size(distance: Distance, others: int) -> None:
    """In 90 to 92 % of 200 cases: squared distances of 60 samples are skewed."""
    found = [
        beside_same_domain(
            2 * normal(60, 2, seed=2 * n),
            normal(others, 2, seed=2 * n + 1) + 0.5,
            distance,
            splits=12,
            seed=n,
        )
        for n in range(100)
    ]
    values = [one.value for one in found]
    assert np.mean([one.low <= np.mean(values) <= one.high for one in found]) >= 0.84
    half = np.mean([(one.high - one.low) / 2 for one in found])
    assert half == pytest.approx(2.2 * np.std(values), rel=0.25)  # t of 11 degrees of freedom


def test_the_interval_of_equal_domains_holds_zero() -> None:
    found = [
        beside_same_domain(normal(40, 2, seed=2 * n), normal(40, 2, seed=2 * n + 1), mmd, splits=10)
        for n in range(40)
    ]
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.95
    assert np.mean([one.warning is not None for one in found]) >= 0.75


def test_any_function_of_two_samples_will_do() -> None:
    found = beside_same_domain(
        normal(60, 3) + 9, normal(60, 3, seed=1), lambda a, b: a_distance(a, b, repeats=1).value, splits=3
    )
    assert (found.value, found.across) == (2, 2) and abs(found.within) < 1


def test_moments_stand_for_a_source_whose_samples_are_gone() -> None:
    samples, target = 2 * normal(4000, 3) + 1, normal(300, 3, seed=1)
    moments = gaussian_of_moments(samples.mean(0), torch.cov(samples.T), 4000)
    value = frechet_distance(moments, target)
    found = beside_same_domain(gaussian_rows(moments, 300), target, frechet_distance, value=value)
    assert found.value == value == pytest.approx(frechet_distance(samples, target), rel=1e-9)
    assert found.low < value < found.high
    assert found.across == pytest.approx(value, rel=0.15)


def test_the_seed_chooses_the_halves() -> None:
    given = normal(30, 2) + 1, normal(30, 2, seed=1), coral_distance
    assert beside_same_domain(*given) == beside_same_domain(*given)
    assert beside_same_domain(*given).across != beside_same_domain(*given, seed=1).across


def test_what_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"len\(target\)=3 .* at least 4 samples"):
        beside_same_domain(normal(9, 2), normal(3, 2), coral_distance)
    with pytest.raises(ConfigError, match="splits=1"):
        beside_same_domain(normal(9, 2), normal(9, 2), coral_distance, splits=1)
