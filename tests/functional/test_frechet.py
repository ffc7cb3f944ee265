import math
from statistics import fmean, stdev

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from tlx.errors import ConfigError, NumericalError
from tlx.functional.frechet import WELL_ABOVE, frechet_distance, frechet_warning
from tlx.functional.gaussian import Gaussian, gaussian_of_features, gaussian_of_moments


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(size: int, seed: int = 9) -> torch.Tensor:
    return torch.linalg.qr(normal(size, size, seed=seed))[0]


def by_scipy(first: torch.Tensor, second: torch.Tensor, ridge: float = 0.0) -> float:
    """The formula as it is usually computed: the root of the product of the covariances."""
    x, y = first.numpy(), second.numpy()
    a, b = (np.cov(rows.T) + ridge * np.eye(rows.shape[1]) for rows in (x, y))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real))


def to_many_digits(first: torch.Tensor, second: torch.Tensor) -> float:
    """Of covariances, means being equal: the same formula by the eigenvalues of the product."""
    with mpmath.workdps(60):
        a, b = mpmath.matrix(first.tolist()), mpmath.matrix(second.tolist())
        values = mpmath.eig(a * b, left=False, right=False)
        shared = sum(mpmath.sqrt(mpmath.re(value)) for value in values)
        return float(sum(a[i, i] + b[i, i] for i in range(a.rows)) - 2 * shared)


def centred(covariance: torch.Tensor) -> Gaussian:
    return gaussian_of_moments(torch.zeros(len(covariance)), covariance)


def test_two_diagonal_gaussians_by_hand() -> None:
    first = gaussian_of_moments(torch.zeros(2), torch.tensor([1.0, 4.0]).diag())
    second = gaussian_of_moments(torch.tensor([1.0, 2.0]), torch.tensor([9.0, 1.0]).diag())
    assert frechet_distance(first, second) == pytest.approx(5 + 4 + 1, abs=1e-12)


@pytest.mark.parametrize(("samples", "size"), [((30, 20), 1), ((50, 90), 12), ((900, 1200), 400)])
def test_agrees_with_the_root_of_scipy(samples: tuple[int, int], size: int) -> None:
    first = normal(samples[0], size) * torch.linspace(1, 3, size) + 0.2
    second = normal(samples[1], size, seed=1) @ (torch.eye(size) + 0.1 * normal(size, size, seed=2))
    assert frechet_distance(first, second) == pytest.approx(by_scipy(first, second), rel=1e-10)


def test_few_samples_are_exact_where_the_answer_is_known() -> None:
    """Samples along axes: variances a^2 / 2 each, so that the distance is that of standard deviations."""
    source, target = torch.zeros(4, 50), torch.zeros(6, 50)
    for axis, length in ((0, 3.0), (1, 5.0)):
        source[2 * axis, axis], source[2 * axis + 1, axis] = length, -length
    for row, (axis, length) in enumerate(((0, 1.0), (1, 2.0), (7, 4.0))):
        target[2 * row, axis], target[2 * row + 1, axis] = length, -length
    spread = [math.sqrt(2 * length**2 / 3) for length in (3, 5)] + [0.0]
    other = [math.sqrt(2 * length**2 / 5) for length in (1, 2, 4)]
    expected = sum((a - b) ** 2 for a, b in zip(spread, other, strict=True))
    turned = rotation(50)
    assert frechet_distance(source, target) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(source @ turned.float(), target @ turned.float()) == pytest.approx(
        expected, rel=1e-5
    )
    assert frechet_distance(source.double() @ turned, target.double() @ turned) == pytest.approx(
        expected, rel=1e-12
    )


def test_few_samples_are_the_limit_of_regular_covariances() -> None:
    source, target = normal(8, 30), normal(12, 30, seed=1) + 0.5
    near, nearer = (by_scipy(source, target, ridge) for ridge in (1e-6, 1e-8))
    limit = nearer - (near - nearer) / 9  # what is left goes with the root of the ridge
    assert frechet_distance(source, target) == pytest.approx(limit, rel=1e-4)


@pytest.mark.parametrize(("samples", "others"), [(40, 60), (6, 60), (6, 9)])
def test_moments_give_what_their_features_give(samples: int, others: int) -> None:
    source, target = normal(samples, 10) + 0.3, normal(others, 10, seed=1)
    expected = frechet_distance(source, target)
    moments = [gaussian_of_moments(x.mean(0), torch.cov(x.T), len(x)) for x in (source, target)]
    assert frechet_distance(*moments) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(moments[0], target) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(source, gaussian_of_features(target)) == expected


@pytest.mark.parametrize("power", [2, 4, 7, 10, 14])
def test_digits_hold_where_covariances_are_almost_singular(power: int) -> None:
    """One strong plane in common and noise beneath: roots of small eigenvalues lose half their digits."""
    plane = normal(2, 8)
    covariances = [
        plane.T @ turn @ plane + 10.0**-power * torch.cov(normal(30, 8, seed=seed).T)
        for seed, turn in (
            (1, torch.eye(2).double()),
            (2, torch.tensor([[1.0, 0.001], [0.001, 1.0]]).double()),
        )
    ]
    covariances = [(covariance + covariance.T) / 2 for covariance in covariances]
    exact = to_many_digits(*covariances)
    scale = float(covariances[0].trace())
    found = frechet_distance(*(centred(covariance) for covariance in covariances))
    assert found == pytest.approx(exact, rel=1e-9, abs=1e-13 * scale)


def test_digits_hold_where_eigenvalues_alone_would_lose_them() -> None:
    """Four strong dimensions in 128 and noise: 1e-6 of the distance is lost by the roots of eigenvalues."""
    plane = normal(4, 128)
    source, target = (normal(384, 4, seed=n) @ plane + 1e-3 * normal(384, 128, seed=n + 1) for n in (1, 3))
    a, b = (np.linalg.cholesky(np.cov(rows.numpy().T)) for rows in (source, target))
    shared = np.linalg.svd(a.T @ b, compute_uv=False).sum()
    gap = float((source.mean(0) - target.mean(0)).square().sum())
    exact = gap + (a**2).sum() + (b**2).sum() - 2 * shared
    lossy = gap + (a**2).sum() + (b**2).sum()
    lossy -= 2 * np.sqrt(np.linalg.eigvalsh(a.T @ b @ b.T @ a).clip(min=0)).sum()
    assert abs(lossy / exact - 1) > 1e-8
    assert frechet_distance(source, target) == pytest.approx(exact, rel=1e-11)


def test_a_dead_dimension_does_not_cost_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = normal(60, 5), normal(60, 5, seed=1)
    source[:, 2] = 0
    expected = frechet_distance(source, target)
    monkeypatch.setattr(torch.linalg, "svdvals", None)
    assert frechet_distance(source, target) == expected > 0


def test_dimensions_that_do_not_vary_count_by_their_mean_alone() -> None:
    source, target = normal(60, 5), normal(60, 5, seed=1)
    expected = frechet_distance(source, target)
    still = torch.ones(60, 1).double()
    wider = torch.cat([source, still], 1), torch.cat([target, 3 * still], 1)
    assert frechet_distance(*wider) == pytest.approx(expected + 4, rel=1e-12)
    one_sided = torch.cat([source, still], 1), torch.cat([target, normal(60, 1, seed=5)], 1)
    variance = float(one_sided[1][:, 5].var())
    gap = float((1 - one_sided[1][:, 5].mean()) ** 2)
    moved = frechet_distance(*one_sided) - variance - gap
    assert moved == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(torch.zeros(9, 2), torch.ones(9, 2)) == pytest.approx(2)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(1, 12), st.integers(0, 10**6))
def test_symmetry_rotation_and_identity(samples: int, others: int, size: int, seed: int) -> None:
    source, target = normal(samples, size, seed=seed), 2 * normal(others, size, seed=seed + 1) + 1
    found = frechet_distance(source, target)
    turned = rotation(size, seed)
    assert found > 0
    assert frechet_distance(target, source) == pytest.approx(found, rel=1e-9)
    assert frechet_distance(source @ turned + 5, target @ turned + 5) == pytest.approx(found, rel=1e-9)
    assert frechet_distance(3 * source, 3 * target) == pytest.approx(9 * found, rel=1e-9)
    assert frechet_distance(source, source.clone()) == pytest.approx(0, abs=1e-11 * size)


@pytest.mark.parametrize(
    ("count", "bias", "of_many"),
    [(32, 58.9, 60.6), (64, 35.5, 34.9), (128, 17.1, 17.4), (512, 4.45, 4.32), (4096, 0.54, 0.536)],
)
def test_few_samples_of_one_distribution_are_far_apart(count: int, bias: float, of_many: float) -> None:
    """Against a single draw made elsewhere, and the mean of 200 (20 at the end) of our own."""
    draws = 4 if count > 1000 else 8
    found = [
        frechet_distance(normal(count, 64, seed=2 * n), normal(count, 64, seed=2 * n + 1))
        for n in range(draws)
    ]
    assert fmean(found) == pytest.approx(of_many, rel=0.04)
    assert abs(fmean(found) - bias) < 3 * stdev(found)


def test_the_warning_names_the_bias_that_is_there() -> None:
    size, count = 40, 200
    found = frechet_distance(normal(count, size), normal(count, size, seed=1))
    said = frechet_warning(size, count)
    assert said is not None and "10 %" in said
    assert 0.08 < found / size < 0.13
    assert "singular" in str(frechet_warning(size, size)) and "singular" not in str(
        frechet_warning(size, size + 1)
    )
    assert frechet_warning(size, WELL_ABOVE * size) is None


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"dimensions of source and target=\(3, 4\)"):
        frechet_distance(torch.randn(9, 3), torch.randn(9, 4))
    with pytest.raises(ConfigError, match="at least 2 samples"):
        frechet_distance(torch.randn(1, 3), torch.randn(9, 3))
    with pytest.raises(NumericalError, match="1 of 9"):
        frechet_distance(torch.randn(9, 3), torch.cat([torch.ones(8, 3), torch.full((1, 3), torch.nan)]))
