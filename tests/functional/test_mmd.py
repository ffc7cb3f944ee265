import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics.pairwise import rbf_kernel

import tlx.functional.mmd as module
from tlx.errors import ConfigError
from tlx.functional.mmd import SCALES, mean_discrepancies, median_distance, mmd, mmd_test


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_loops(source: torch.Tensor, target: torch.Tensor, bandwidths: tuple[float, ...]) -> float:
    def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
        return sum(math.exp(-float((x - y).square().sum()) / (2 * s * s)) for s in bandwidths) / len(
            bandwidths
        )

    def within(rows: torch.Tensor) -> float:
        pairs = [kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    across = [kernel(x, y) for x in source for y in target]
    return within(source) + within(target) - 2 * sum(across) / len(across)


@pytest.mark.parametrize(("samples", "others", "size"), [(5, 5, 1), (7, 4, 3), (2, 9, 20)])
def test_agrees_with_plain_loops(samples: int, others: int, size: int) -> None:
    source, target = normal(samples, size), normal(others, size, seed=1) + 0.5
    assert mmd(source, target, [0.5, 3.0]) == pytest.approx(by_loops(source, target, (0.5, 3.0)), abs=1e-14)


def test_agrees_with_the_kernel_of_scikit_learn() -> None:
    source, target = normal(40, 5), normal(30, 5, seed=1) + 1
    one, two, both = (
        rbf_kernel(a, b, gamma=1 / 8) for a, b in ((source, source), (target, target), (source, target))
    )
    expected = (one.sum() - 40) / (40 * 39) + (two.sum() - 30) / (30 * 29) - 2 * both.mean()
    assert mmd(source, target, [2.0]) == pytest.approx(expected, rel=1e-12)


def test_two_gaussians_in_closed_form() -> None:
    """2 (s^2 / (s^2 + 2))^(d/2) (1 - exp(-|mu|^2 / (2 (s^2 + 2)))), and without bias."""
    for size, bandwidth, shift in ((1, 1.0, 1.0), (3, 2.0, 0.5)):
        square = bandwidth**2
        gap = size * shift**2
        expected = 2 * (square / (square + 2)) ** (size / 2) * (1 - math.exp(-gap / (2 * (square + 2))))
        found = [
            mmd(normal(25, size, seed=2 * n), normal(40, size, seed=2 * n + 1) + shift, [bandwidth])
            for n in range(200)
        ]
        assert (np.mean(found) - expected) / stats.sem(found) == pytest.approx(0, abs=3)
        if size == 1:
            assert expected == pytest.approx(0.177268, abs=1e-6)
            assert mmd(normal(2000, 1), normal(2000, 1, seed=1) + 1, [1.0]) == pytest.approx(
                expected, abs=0.02
            )


def test_equal_distributions_give_zero_on_average_and_less_in_half_of_the_cases() -> None:
    found = [mmd(normal(50, 3, seed=2 * n), normal(50, 3, seed=2 * n + 1)) for n in range(200)]
    assert abs(np.mean(found)) < 3 * stats.sem(found)
    assert 0.4 < np.mean(np.array(found) < 0) < 0.75


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 15), st.integers(2, 15), st.integers(1, 9), st.integers(0, 10**6))
def test_what_must_not_move_it(samples: int, others: int, size: int, seed: int) -> None:
    source, target = normal(samples, size, seed=seed), 2 * normal(others, size, seed=seed + 1)
    found = mmd(source, target)
    turned = torch.linalg.qr(normal(size, size, seed=seed))[0]
    assert mmd(target, source) == pytest.approx(found, abs=1e-12)
    assert mmd(source @ turned + 100, target @ turned + 100) == pytest.approx(found, abs=1e-9)
    assert mmd(1000 * source, 1000 * target) == pytest.approx(found, abs=1e-9)  # the bandwidths go along


def test_the_bandwidth_is_the_median_of_numpy() -> None:
    rows = normal(21, 4)
    gaps = [float((rows[i] - rows[j]).norm()) for i in range(21) for j in range(i)]
    middle = float(np.percentile(gaps, 50, method="lower"))
    assert median_distance(rows) == pytest.approx(middle, rel=1e-9)
    found = mmd_test(rows[:10], rows[10:], permutations=1).bandwidths
    assert found == pytest.approx([scale * middle for scale in SCALES], rel=1e-9)


def test_many_equal_samples_still_have_a_bandwidth() -> None:
    rows = torch.zeros(10, 2)
    assert median_distance(rows) == 1
    rows[0, 0] = 3
    assert median_distance(rows) == pytest.approx(3 * 9 / 45)
    assert mmd(torch.zeros(4, 2), torch.zeros(5, 2)) == 0


def test_a_permutation_is_the_discrepancy_of_the_samples_it_names() -> None:
    source, target = normal(6, 2), normal(9, 2, seed=1) + 1
    rows = torch.cat([source, target])
    kernel = torch.tensor(rbf_kernel(rows, gamma=0.5))
    order = torch.randperm(15, generator=torch.Generator().manual_seed(3))
    members = torch.zeros(15, 2, dtype=torch.float64)
    members[:6, 0] = 1
    members[order[:6], 1] = 1
    expected = [mmd(source, target, [1.0]), mmd(rows[order[:6]], rows[order[6:]], [1.0])]
    assert mean_discrepancies(kernel, members).tolist() == pytest.approx(expected, abs=1e-14)


def test_permutations_cost_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    whole = module._squared_distances
    monkeypatch.setattr(module, "_squared_distances", lambda rows: calls.append(1) or whole(rows))
    mmd_test(normal(9, 2), normal(8, 2, seed=1), permutations=700)
    assert calls == [1]


def test_p_values_of_equal_distributions_are_uniform() -> None:
    found = [
        mmd_test(normal(8, 2, seed=2 * n), normal(12, 2, seed=2 * n + 1), permutations=99, seed=n).p_value
        for n in range(400)
    ]
    assert min(found) >= 0.01
    assert stats.kstest([p - 0.005 for p in found], "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.033)


def test_p_values_of_different_distributions_are_small() -> None:
    source, target = normal(60, 4), normal(60, 4, seed=1)
    assert mmd_test(source, target + 0.7).p_value == pytest.approx(1 / 1001)
    assert mmd_test(source, 2 * target).p_value == pytest.approx(1 / 1001)  # equal means
    assert mmd_test(source, target).p_value > 0.05


def test_all_ways_to_name_few_samples_give_the_exact_p_value() -> None:
    """Six ways to choose 2 of 4; two of them are the one that was found, which rounding must not hide."""
    source, target = torch.tensor([[0.0], [0.1]]), torch.tensor([[5.0], [5.3]])
    found = mmd_test(source, target, permutations=3000)
    assert found.p_value == pytest.approx(1 / 3, abs=0.03)
    assert found == mmd_test(source, target, permutations=3000)
    assert found.p_value != mmd_test(source, target, permutations=3000, seed=1).p_value


def test_what_cannot_be_used_is_refused() -> None:
    rows = normal(5, 2)
    with pytest.raises(ConfigError, match="permutations=0"):
        mmd_test(rows, rows, permutations=0)
    with pytest.raises(ConfigError, match=r"bandwidths=\(1.0, 0.0\)"):
        mmd(rows, rows, [1.0, 0.0])
    with pytest.raises(ConfigError, match="at least 2 samples"):
        mmd(rows[:1], rows)
