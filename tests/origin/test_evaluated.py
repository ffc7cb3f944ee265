import pytest
from torch import nn

from tlx.origin.evaluated import evaluated


def test_the_parts_that_trained_train_again_also_after_an_error() -> None:
    network = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    network[0].eval()
    with evaluated(network):
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == [True, False, True, True]
    with pytest.raises(TypeError), evaluated(network):
        network(None)
    assert [module.training for module in network.modules()] == [True, False, True, True]
