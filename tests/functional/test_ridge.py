import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from tlx.errors import ConfigError
from tlx.functional.ridge import ridge_classifier


@pytest.mark.parametrize("shape", [(30, 5), (6, 40)])
def test_weights_are_those_of_scikit_learn(shape):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(shape, generator=generator), torch.randint(3, (shape[0],), generator=generator)
    ones = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    penalty = 0.3 * float((ones**2).sum() / ones.shape[1])
    theirs = Ridge(penalty, fit_intercept=False, tol=1e-12).fit(ones.numpy(), np.eye(3)[y.numpy()])
    assert np.allclose(ridge_classifier(x, y, 0.3).T.numpy(), theirs.coef_, atol=1e-8)


def test_numbers_are_fitted_as_they_are():
    x = torch.linspace(-1, 1, 20)[:, None]
    weights = ridge_classifier(x, 3 * x + 2, 1e-10)
    assert weights.flatten().tolist() == pytest.approx([3, 2], abs=1e-6)


def test_no_strength_is_refused():
    with pytest.raises(ConfigError, match="strength=0"):
        ridge_classifier(torch.ones(2, 2), torch.tensor([0, 1]), 0)
