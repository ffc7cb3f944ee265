import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics.pairwise import polynomial_kernel
from torchmetrics.image.kid import poly_mmd

from tlx.errors import ConfigError
from tlx.functional.kid import kid, polynomial_mmd


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_two_and_two_samples_by_hand() -> None:
    assert polynomial_mmd(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])) == pytest.approx(9.5)


@pytest.mark.parametrize(("samples", "others", "size"), [(12, 12, 3), (5, 20, 40)])
def test_agrees_with_the_kernel_of_scikit_learn(samples: int, others: int, size: int) -> None:
    source, target = normal(samples, size), normal(others, size, seed=1) + 0.5
    one, two, both = (
        polynomial_kernel(a, b, degree=3, gamma=1 / size, coef0=1)
        for a, b in ((source, source), (target, target), (source, target))
    )
    expected = (one.sum() - one.trace()) / (samples * (samples - 1))
    expected += (two.sum() - two.trace()) / (others * (others - 1)) - 2 * both.mean()
    assert polynomial_mmd(source, target) == pytest.approx(expected, rel=1e-10)


def test_subsets_are_those_of_torchmetrics_formula() -> None:
    source, target = normal(30, 4), normal(30, 4, seed=1) + 1
    generator = torch.Generator().manual_seed(5)
    values = []
    for _ in range(7):
        one, two = (rows[torch.randperm(30, generator=generator)[:10]] for rows in (source, target))
        values.append(float(poly_mmd(one, two)))
    found = kid(source, target, subsets=7, size=10, seed=5)
    assert found.value == pytest.approx(sum(values) / 7, rel=1e-10)
    assert found.high - found.low == pytest.approx(
        2 * stats.t.ppf(0.975, 6) * np.std(values, ddof=1) * np.sqrt(10 / 20 + 1 / 7), rel=1e-9
    )


def test_the_interval_covers_and_negative_values_stay() -> None:
    """With k as given, E k(t, t') - ... of N(0, 1) and N(m, 1) in one dimension has a closed form."""
    shift = 0.6
    moments = [(0.0, 1.0, 0.0), (shift, 1 + shift**2, shift**3 + 3 * shift)]  # E x, E x^2, E x^3
    expected = sum(c * (moments[1][n] - moments[0][n]) ** 2 for n, c in enumerate((3, 3, 1)))
    covered = [
        found.low <= expected <= found.high
        for found in (
            kid(normal(80, 1, seed=2 * n), normal(100, 1, seed=2 * n + 1) + shift, subsets=25)
            for n in range(80)
        )
    ]
    assert np.mean(covered) >= 0.84  # 92 % of 300: a cube of few samples is skewed
    same = [kid(normal(40, 3, seed=2 * n), normal(40, 3, seed=2 * n + 1), subsets=20) for n in range(60)]
    values = np.array([found.value for found in same])
    assert 0.3 < (values < 0).mean() < 0.8 and abs(values.mean()) < 3 * stats.sem(values)
    assert np.mean([found.low <= 0 <= found.high for found in same]) >= 0.95


def test_rotation_and_order_of_domains_change_nothing() -> None:
    source, target = normal(20, 6), normal(25, 6, seed=1) + 0.4
    turned = torch.linalg.qr(normal(6, 6, seed=2))[0]
    found = polynomial_mmd(source, target)
    assert polynomial_mmd(target, source) == pytest.approx(found, rel=1e-12)
    assert polynomial_mmd(source @ turned, target @ turned) == pytest.approx(found, rel=1e-9)


def test_a_subset_is_half_of_the_smaller_domain_and_at_most_a_thousand() -> None:
    assert kid(normal(9, 1), normal(30, 1, seed=1), subsets=2).size == 4
    assert kid(normal(2100, 1), normal(2200, 1, seed=1), subsets=2).size == 1000


def test_the_seed_chooses_the_subsets() -> None:
    source, target = normal(30, 2), normal(30, 2, seed=1)
    assert kid(source, target) == kid(source, target)
    assert kid(source, target).value != kid(source, target, seed=1).value


@pytest.mark.parametrize(
    ("change", "said"), [({"size": 30}, "size=30"), ({"size": 1}, "size=1"), ({"subsets": 1}, "subsets=1")]
)
def test_what_gives_no_interval_is_refused(change: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        kid(normal(30, 2), normal(40, 2), **change)


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 4 samples"):
        kid(normal(3, 2), normal(40, 2))
