import numpy as np
import pytest
import torch

from tlx.errors import ConfigError, NumericalError
from tlx.functional.gaussian import (
    Gaussian,
    cholesky,
    gaussian_of_features,
    gaussian_of_moments,
    gaussian_rows,
)
from tlx.metrics.moments import FeatureMoments


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(30, 5), (5, 5), (4, 9), (2, 40)])
def test_moments_of_samples_are_those_of_numpy(shape: tuple[int, int]) -> None:
    rows = normal(*shape) + 3
    found = gaussian_of_features(rows)
    assert np.allclose(found.mean, rows.numpy().mean(0))
    assert np.allclose(found.root().T @ found.root(), np.cov(rows.numpy().T), atol=1e-12)
    assert np.allclose(found.variance(), rows.numpy().var(0, ddof=1))
    assert (found.covariance is None) == (shape[0] <= shape[1])


def test_moments_that_were_gathered_in_batches_give_the_same() -> None:
    rows = normal(50, 6)
    moments = FeatureMoments(6)
    for batch in rows.split(7):
        moments.update(batch)
    gathered = moments.compute()
    found = gaussian_of_moments(gathered["mean"], gathered["covariance"], int(gathered["count"]))
    assert torch.allclose(found.covariance, gaussian_of_features(rows).covariance, rtol=1e-12)


@pytest.mark.parametrize("count", [None, 10])
def test_the_root_of_a_singular_covariance_has_its_rank(count: int | None) -> None:
    covariance = torch.cov(normal(10, 25).T)
    root = gaussian_of_moments(torch.zeros(25), covariance, count).root()
    assert root.shape == (9, 25)
    assert torch.allclose(root.T @ root, covariance, atol=1e-12)


def test_the_count_tells_rank_from_rounding_to_single_precision() -> None:
    covariance = torch.cov(normal(10, 25).T).float()
    assert len(gaussian_of_moments(torch.zeros(25), covariance).root()) > 9
    assert len(gaussian_of_moments(torch.zeros(25), covariance, 10).root()) == 9


def test_drawn_samples_have_the_moments() -> None:
    mean = torch.tensor([1.0, -2.0, 0.0])
    covariance = torch.cov((normal(9, 3) @ torch.diag(torch.tensor([1.0, 3.0, 0.0]).double())).T)
    rows = gaussian_rows(gaussian_of_moments(mean, covariance), 20000, seed=1)
    assert torch.allclose(rows.mean(0), mean.double(), atol=0.06)
    assert torch.allclose(torch.cov(rows.T), covariance, atol=0.05 * float(covariance.max()))
    assert not torch.equal(rows[:5], gaussian_rows(gaussian_of_moments(mean, covariance), 5, seed=2))


def test_a_covariance_that_only_rounding_makes_regular_has_no_cholesky_factor() -> None:
    assert cholesky(torch.diag(torch.tensor([1.0, 1e-17]).double())) is None
    assert cholesky(torch.diag(torch.tensor([1.0, 1e-12]).double())) is not None


@pytest.mark.parametrize(
    ("mean", "covariance", "said"),
    [
        (torch.zeros(2), torch.eye(3), r"\(\(2,\), \(3, 3\)\)"),
        (torch.zeros(2, 1), torch.eye(2), "shapes"),
        (torch.zeros(2), torch.tensor([[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
    ],
)
def test_what_is_no_covariance_is_refused(mean: torch.Tensor, covariance: torch.Tensor, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        gaussian_of_moments(mean, covariance)


def test_a_negative_eigenvalue_is_refused() -> None:
    with pytest.raises(ConfigError, match="eigenvalue of -1"):
        gaussian_of_moments(torch.zeros(2), torch.diag(torch.tensor([1.0, -1.0]))).root()


def test_moments_of_one_sample_are_refused() -> None:
    moments = FeatureMoments(2)
    moments.update(torch.ones(1, 2))
    gathered = moments.compute()
    with pytest.raises(NumericalError, match="not finite"):
        gaussian_of_moments(gathered["mean"], gathered["covariance"])
    with pytest.raises(ConfigError, match="count=1"):
        gaussian_of_moments(torch.zeros(2), torch.eye(2), 1)


def test_nothing_to_make_a_root_of_is_refused() -> None:
    with pytest.raises(ConfigError, match="covariance=None"):
        Gaussian(torch.zeros(2), None).root()
