import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tlx.errors import ConfigError
from tlx.functional.leep import leep
from tlx.functional.nce import nce

FOUR = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.1, 0.9]])


@st.composite
def told(draw):
    """Probabilities of source classes, some of them 0, and labels."""
    count, sources, classes = draw(st.integers(2, 30)), draw(st.integers(1, 6)), draw(st.integers(1, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    rows = torch.rand(count, sources, generator=generator, dtype=torch.float64)
    kept = torch.rand(count, sources, generator=generator) < draw(st.floats(0.2, 1.0))
    kept[:, 0] = True
    rows = rows**4 * kept + 1e-9 * kept
    labels = torch.randint(classes, (count,), generator=generator)
    return rows / rows.sum(dim=1, keepdim=True), labels


def test_the_value_by_hand():
    first = 0.8 * 7 / 9 + 0.2 * 3 / 11, 0.6 * 7 / 9 + 0.4 * 3 / 11
    second = 0.3 * 2 / 9 + 0.7 * 8 / 11, 0.1 * 2 / 9 + 0.9 * 8 / 11
    by_hand = sum(math.log(p) for p in (*first, *second)) / 4
    assert leep(FOUR, torch.tensor([0, 0, 1, 1])) == pytest.approx(by_hand, abs=1e-7)
    assert leep(FOUR, torch.tensor([0, 0, 1, 1])) == pytest.approx(-0.4712479, abs=1e-7)


def test_a_source_that_is_certain_gives_the_conditional_entropy():
    z, y = torch.tensor([0, 0, 1, 0]), torch.tensor([0, 0, 1, 1])
    certain = torch.nn.functional.one_hot(z).double()
    assert leep(certain, y) == pytest.approx(-0.4773856, abs=1e-7)
    assert leep(certain, y) == pytest.approx(nce(z, y), abs=1e-15)


def test_a_source_class_without_any_mass_changes_nothing():
    labels = torch.tensor([0, 0, 1, 1])
    assert leep(torch.cat([torch.zeros(4, 3), FOUR], dim=1), labels) == leep(FOUR, labels)


def test_labels_that_depend_on_nothing_leave_their_entropy():
    labels = torch.tensor([0, 0, 0, 1])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert leep(torch.full((4, 5), 0.2), labels) == pytest.approx(-entropy, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(told())
def test_it_is_at_most_zero_and_whatever_the_order(case):
    rows, labels = case
    score = leep(rows, labels)
    assert -math.inf < score <= 0
    generator = torch.Generator().manual_seed(0)
    samples, sources = (torch.randperm(size, generator=generator) for size in rows.shape)
    assert leep(rows[samples][:, sources], 7 - labels[samples]) == pytest.approx(score, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(told())
def test_it_bounds_the_likelihood_of_the_most_probable_source_classes(case):
    rows, labels = case
    likeliest, z = rows.max(dim=1)
    joint = torch.zeros(4, rows.shape[1]).double().index_add_(0, labels, rows)
    given_z = (joint / joint.sum(dim=0))[labels, z]
    assert leep(rows, labels) >= float((given_z * likeliest).log().mean()) - 1e-12


def test_the_bound_does_not_hold_with_counts_of_the_most_probable_classes():
    rows, labels = torch.tensor([[0.6, 0.4], [0.4, 0.6]]), torch.tensor([0, 1])
    assert nce(rows.argmax(dim=1), labels) == 0
    assert leep(rows, labels) == pytest.approx(math.log(0.52), abs=1e-7)
    assert math.log(0.52) < 0 + math.log(0.6)


@pytest.mark.parametrize("rows", [torch.randn(4, 3), torch.randn(4, 3).sigmoid()])
def test_logits_are_refused(rows):
    with pytest.raises(ConfigError, match="not logits"):
        leep(rows, torch.tensor([0, 0, 1, 1]))
