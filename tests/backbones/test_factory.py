import functools

import pytest
import torch
from torch import nn

from tests.backbones.nets import Dated, Small, tower
from tlx.backbones.factory import Factory
from tlx.errors import ConfigError


def broken(size: int = 3) -> nn.Module:
    raise OSError(f"no weights for {size}")


def no_network() -> object:
    return 3


def test_the_first_network_is_the_same_every_time_and_leaves_random_numbers_alone():
    state = torch.get_rng_state()
    one, other = Factory(Small).first(), Factory(Small).first()
    assert torch.equal(one.conv1.weight, other.conv1.weight)
    assert torch.equal(torch.get_rng_state(), state)


def test_its_recipe_builds_it_again():
    factory = Factory(functools.partial(tower, width=6))
    assert factory.recipe == {"_target_": "tests.backbones.nets.tower", "_partial_": True, "width": 6}
    assert factory()[0].out_channels == 6


def test_a_class_that_sets_its_weights_gives_no_random_ones():
    with pytest.raises(ConfigError, match=r"nets\.Dated sets its own weights.*pretrained=false"):
        Factory(Dated).random()
    for net in (Small, tower, functools.partial(Dated, pretrained=False)):
        assert not Factory(net).sets_weights()
        torch.manual_seed(1)
        one = next(Factory(net).random().parameters())
        torch.manual_seed(2)
        assert not torch.equal(one, next(Factory(net).random().parameters()))


def test_what_cannot_be_built_says_so():
    with pytest.raises(ConfigError, match=r"test_factory\.broken cannot be built: OSError: no weights for 3"):
        Factory(broken)()
    with pytest.raises(ConfigError, match="gives a int"):
        Factory(no_network)()
    with pytest.raises(ConfigError, match="dotted path"):
        Factory(lambda: nn.Linear(1, 1))
