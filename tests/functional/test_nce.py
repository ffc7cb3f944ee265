import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from tlx.errors import ConfigError
from tlx.functional.nce import nce


def entropy(labels):
    shares = torch.bincount(labels).double() / len(labels)
    return -float(torch.special.xlogy(shares, shares).sum())


def test_the_value_by_hand():
    by_hand = (2 * math.log(2 / 3) + math.log(1) + math.log(1 / 3)) / 4
    assert nce(torch.tensor([0, 0, 1, 0]), torch.tensor([0, 0, 1, 1])) == pytest.approx(by_hand, abs=1e-15)
    assert by_hand == pytest.approx(-0.4773856, abs=1e-7)


def test_labels_that_are_determined_leave_nothing_to_know():
    source = torch.tensor([7, 3, 3, 900, 7])
    assert nce(source, torch.tensor([1, 0, 0, 0, 1])) == 0


def test_independent_labels_leave_their_entropy():
    labels = torch.tensor([0, 0, 1] * 4)
    source = torch.arange(4).repeat_interleave(3)
    assert nce(source, labels) == pytest.approx(-entropy(labels), abs=1e-15)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=40))
def test_with_the_entropy_it_is_the_mutual_information(pairs):
    source, labels = torch.tensor(pairs).unbind(dim=1)
    score = nce(source, labels)
    shared = mutual_info_score(labels.numpy(), source.numpy())
    assert score == pytest.approx(shared - entropy(labels), abs=1e-9)
    assert -entropy(labels) - 1e-12 <= score <= 0
    assert nce(9 - source.flip(0), 5 + labels.flip(0)) == pytest.approx(score, abs=1e-12)


def test_probabilities_and_other_counts_are_refused():
    with pytest.raises(ConfigError, match="source_labels of dtype"):
        nce(torch.tensor([0.1, 0.9]), torch.tensor([0, 1]))
    with pytest.raises(ConfigError, match="source_labels of shape"):
        nce(torch.tensor([0, 1, 1]), torch.tensor([0, 1]))
