import pytest
import torch
from torch import nn

from tests.backbones.nets import Branched, Reader, Small
from tlx.backbones.headless import Headless, call
from tlx.errors import ConfigError


def test_features_are_what_the_last_layer_reads_and_the_layer_is_gone():
    net = Small().eval()
    reads = []
    net.fc2.register_forward_pre_hook(lambda module, inputs: reads.append(inputs[0]))
    pictures, layer = torch.randn(3, 3, 16, 16), net.fc2
    logits = net(pictures)
    headless = Headless(net, "fc2")
    features = headless(pictures)
    assert torch.equal(features, reads[0])
    torch.testing.assert_close(layer(features).log_softmax(1), logits)
    assert not [name for name in headless.state_dict() if "fc2" in name]
    assert headless.module.fc2.taken is None  # no graph is kept alive


def test_gradients_flow_through_what_was_taken():
    net = Headless(Small(), "fc2")
    net(torch.randn(2, 3, 16, 16)).sum().backward()
    assert net.module.conv1.weight.grad.abs().sum() > 0


def test_layers_after_the_head_go_with_it():
    net = Headless(Branched(), "main", ["side"])
    assert net(torch.randn(2, 3, 8, 8)).shape == (2, 6)
    assert {name.partition(".")[0] for name in net.module.state_dict()} == {"body"}


def test_without_a_head_the_output_is_the_features():
    net = nn.Sequential(nn.Flatten())
    assert Headless(net, None)(torch.ones(2, 3, 2, 2)).shape == (2, 12)


def test_tokens_are_given_by_name_and_where_there_is_none_in_order():
    tokens = {"input_ids": torch.tensor([[1, 2]]), "attention_mask": torch.tensor([[1, 0]])}

    class Named(nn.Module):
        def forward(self, attention_mask, input_ids, extra=None):
            return input_ids + 10 * attention_mask

    class First(nn.Module):
        def forward(self, numbers):
            return numbers

    class Nothing(nn.Module):
        def forward(self):
            return None

    assert call(Named(), tokens).tolist() == [[11, 2]]
    assert call(First(), tokens).tolist() == [[1, 2]]
    assert call(Reader(), tokens).shape == (1, 3)
    with pytest.raises(ConfigError, match="takes no inputs"):
        call(Nothing(), tokens)
