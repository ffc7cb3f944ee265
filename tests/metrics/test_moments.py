import numpy as np
import torch

from tlx.metrics.moments import FeatureMoments


def test_moments_equal_those_of_numpy_over_any_batches() -> None:
    rows = torch.randn(101, 5, generator=torch.Generator().manual_seed(0)) * 2 + 1000
    metric = FeatureMoments(5)
    for part in rows.split(17):
        metric.update(part)
    found = metric.compute()
    np.testing.assert_allclose(found["mean"].numpy(), rows.double().numpy().mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found["covariance"].numpy(), np.cov(rows.double().numpy().T), atol=1e-6)
