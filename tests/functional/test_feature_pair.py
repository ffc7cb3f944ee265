import pytest
import torch

from tlx.errors import ConfigError, NumericalError
from tlx.functional.feature_pair import feature_pair, feature_rows


def test_features_come_back_in_double_precision_and_without_a_graph() -> None:
    given = torch.ones(3, 2, requires_grad=True)
    found = feature_rows(given)
    assert (found.dtype, found.requires_grad) == (torch.float64, False)
    assert found.tolist() == given.tolist()


@pytest.mark.parametrize("shape", [(4,), (4, 2, 2), (4, 0)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"features\.shape=.*samples x dimensions"):
        feature_rows(torch.ones(shape))


def test_too_few_samples_are_refused_by_the_name_of_the_domain() -> None:
    with pytest.raises(ConfigError, match=r"len\(target\)=1 .* at least 2 samples"):
        feature_pair(torch.ones(2, 2), torch.ones(1, 2))


def test_domains_of_different_networks_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(2, 3\) is not usable"):
        feature_pair(torch.ones(2, 2), torch.ones(2, 3))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_are_counted(value: float) -> None:
    rows = torch.ones(5, 3)
    rows[1:3, :2] = value
    with pytest.raises(NumericalError, match="2 of 5 samples of source"):
        feature_pair(rows, torch.ones(5, 3))
