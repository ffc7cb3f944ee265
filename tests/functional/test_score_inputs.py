import pytest
import torch

from tlx.errors import ConfigError
from tlx.functional.score_inputs import checked_features, checked_labels, checked_probabilities


@pytest.mark.parametrize("shape", [(3,), (0, 2), (2, 0), (1, 2, 3)])
def test_features_have_a_row_for_each_sample(shape):
    with pytest.raises(ConfigError, match="features of shape"):
        checked_features(torch.zeros(shape))


def test_features_that_are_not_finite_are_counted():
    features = torch.zeros(4, 2)
    features[1], features[3, 0] = torch.nan, torch.inf
    with pytest.raises(ConfigError, match="not finite=2"):
        checked_features(features)


def test_features_carry_no_gradient_and_are_not_changed():
    features = torch.ones(2, 2, requires_grad=True)
    checked = checked_features(features)
    assert not checked.requires_grad and checked.dtype == torch.float64 and features.dtype == torch.float32


@pytest.mark.parametrize("labels", [torch.tensor([0.0, 1.0]), torch.tensor([True, False])])
def test_labels_are_whole_numbers(labels):
    with pytest.raises(ConfigError, match="labels of dtype"):
        checked_labels(labels, 2)


@pytest.mark.parametrize("labels", [torch.tensor([0, 1, 2]), torch.tensor([[0], [1]])])
def test_there_is_one_label_for_each_sample(labels):
    with pytest.raises(ConfigError, match=r"labels of shape.*\(2,\)"):
        checked_labels(labels, 2)


def test_samples_without_a_label_are_no_class():
    with pytest.raises(ConfigError, match=r"labels=-100.*leave out"):
        checked_labels(torch.tensor([0, -100]), 2)


def test_logits_are_refused_with_the_way_out():
    with pytest.raises(ConfigError, match=r"numbers down to -1.*softmax"):
        checked_probabilities(torch.tensor([[2.0, -1.0]]))
    with pytest.raises(ConfigError, match=r"sum to 0\.3 \.\.\. 1"):
        checked_probabilities(torch.tensor([[0.1, 0.2], [0.5, 0.5]]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_what_a_softmax_gives_at_any_precision_is_taken_and_sums_to_one(dtype):
    rows = (3 * torch.randn(50, 1000, generator=torch.Generator().manual_seed(0))).to(dtype).softmax(dim=1)
    assert float((checked_probabilities(rows).sum(dim=1) - 1).abs().max()) < 1e-14
