import numpy as np
import pytest
import torch
from scipy import stats

from tlx.errors import ConfigError
from tlx.functional.paired_test import paired_p


def test_the_test_of_pairs_is_that_of_scipy() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, 40)
    expected = stats.ttest_1samp(values, 0, alternative="greater").pvalue
    assert paired_p(torch.from_numpy(values)) == pytest.approx(expected)
    assert paired_p(torch.zeros(9)) == 1
    assert paired_p(torch.ones(9)) == 0


def test_two_differences_are_too_few() -> None:
    with pytest.raises(ConfigError, match="at least 3"):
        paired_p(torch.zeros(2))
