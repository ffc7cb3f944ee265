import pytest
import torch

from tlx.errors import ConfigError
from tlx.heads.linear import Linear


def test_logits_are_the_weighted_sum_by_hand():
    head = Linear(2, 3)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, -1.0]]))
        head.linear.bias.copy_(torch.tensor([0.0, 1.0, 0.5]))
    assert head(torch.tensor([[3.0, 4.0]])).tolist() == [[3.0, 9.0, -0.5]]


def test_it_starts_near_equal_probabilities():
    torch.manual_seed(0)
    head = Linear(512, 10)
    probabilities = head(torch.randn(64, 512)).softmax(1)
    assert head.linear.bias.abs().max() == 0
    assert probabilities.min() > 0.04
    assert probabilities.max() < 0.25


def test_the_spread_of_its_weights_is_as_asked_for():
    torch.manual_seed(0)
    assert Linear(512, 10, std=0.5).linear.weight.std().item() == pytest.approx(0.5, rel=0.05)
    torch.manual_seed(0)
    own = Linear(512, 10, std=None).linear
    torch.manual_seed(0)
    plain = torch.nn.Linear(512, 10)
    assert torch.equal(own.weight, plain.weight)
    assert torch.equal(own.bias, plain.bias)


def test_dropout_acts_in_training_alone():
    torch.manual_seed(0)
    head, features = Linear(64, 2, dropout=0.5), torch.ones(1, 64)
    assert not torch.equal(head(features), head(features))
    head.eval()
    assert torch.equal(head(features), head(features))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, 2), "in_features=0"),
        ((4, 0), "classes=0"),
        ((4, 2, 1.0), "dropout=1.0"),
        ((4, 2, -0.1), "dropout=-0.1"),
        ((4, 2, 0.0, -0.01), "std=-0.01"),
        ((4, 2, 0.0, float("inf")), "std=inf"),
    ],
)
def test_values_out_of_range_are_refused(arguments, said):
    with pytest.raises(ConfigError, match=said):
        Linear(*arguments)
