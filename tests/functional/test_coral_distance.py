import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.functional.coral_distance import coral_distance
from tlx.functional.gaussian import gaussian_of_features, gaussian_of_moments


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_whitened_features_against_their_double_by_hand() -> None:
    """A covariance of I against one of 4 I in two dimensions: 18 / 16."""
    root = torch.linalg.cholesky(torch.cov(normal(50, 2).T))
    white = torch.linalg.solve_triangular(root, normal(50, 2).T, upper=False).T
    assert coral_distance(white, 2 * white) == pytest.approx(1.125, rel=1e-12)


@pytest.mark.parametrize(("samples", "others"), [(20, 30), (4, 30), (5, 3)])
def test_agrees_with_numpy_of_many_and_of_few_samples(samples: int, others: int) -> None:
    source, target = normal(samples, 7), 2 * normal(others, 7, seed=1)
    gap = np.cov(source.numpy().T) - np.cov(target.numpy().T)
    expected = (gap**2).sum() / (4 * 49)
    assert coral_distance(source, target) == pytest.approx(expected, rel=1e-12)
    assert coral_distance(gaussian_of_features(source), target) == pytest.approx(expected, rel=1e-12)
    moments = gaussian_of_moments(target.mean(0), torch.cov(target.T))
    assert coral_distance(source, moments) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 20), st.integers(2, 20), st.integers(1, 9), st.integers(0, 10**6))
def test_what_must_not_move_it(samples: int, others: int, size: int, seed: int) -> None:
    source, target = normal(samples, size, seed=seed), 2 * normal(others, size, seed=seed + 1)
    found = coral_distance(source, target)
    turned = torch.linalg.qr(normal(size, size, seed=seed))[0]
    assert coral_distance(target, source) == pytest.approx(found, rel=1e-12)
    assert coral_distance(source @ turned, target @ turned) == pytest.approx(found, rel=1e-9)
    assert coral_distance(source + 7, target) == pytest.approx(found, rel=1e-9)  # no term of the means
    assert coral_distance(2 * source, 2 * target) == pytest.approx(16 * found, rel=1e-12)
    assert coral_distance(source, source) == 0


def test_domains_of_different_dimensions_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(3, 4\)"):
        coral_distance(normal(9, 3), normal(9, 4))
