import pytest
import torch

from tlx.functional.spectrum import spectrum


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(30, 5), (5, 30), (8, 8)])
def test_it_is_the_singular_value_decomposition(shape):
    features, targets = normal(*shape), normal(shape[0], 3, seed=1)
    found = spectrum(features, targets)
    u, singular, _ = torch.linalg.svd(features, full_matrices=False)
    torch.testing.assert_close(found.values.flip(0), singular**2)
    torch.testing.assert_close(found.coordinates.flip(0).abs(), (u.T @ targets).abs())
    torch.testing.assert_close(found.residuals, (targets - u @ (u.T @ targets)).square().sum(dim=0))
    assert found.samples == shape[0]


@pytest.mark.parametrize("shape", [(30, 9), (9, 30)])
def test_directions_that_depend_on_others_are_left_out(shape):
    low = normal(shape[0], 4) @ normal(4, shape[1], seed=1)
    targets = low[:, :1]
    found = spectrum(low, targets)
    assert len(found.values) == 4
    assert found.residuals.tolist() == [0.0]


def test_features_of_nothing_but_zeros_have_no_spectrum():
    found = spectrum(torch.zeros(4, 3).double(), torch.ones(4, 2).double())
    assert found.values.shape == (0,) and found.coordinates.shape == (0, 2)
    assert found.residuals.tolist() == [4.0, 4.0]
