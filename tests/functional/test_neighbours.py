import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from torch.utils._python_dispatch import TorchDispatchMode

from tlx.errors import ConfigError
from tlx.functional.neighbours import COPIES, METRICS, nearest, neighbour_classes


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def in_a_grid(*shape, seed=0):
    """Points of a small grid: many are equally far from each other, and some are the same."""
    return torch.randint(-1, 2, shape, generator=torch.Generator().manual_seed(seed)).float()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 5, 40])
def test_neighbours_and_votes_are_those_of_scikit_learn(metric, k):
    features, queries, labels = 5 + normal(40, 6), 5 + normal(30, 6, seed=1), torch.arange(40) % 3
    theirs = KNeighborsClassifier(k, algorithm="brute", metric=metric)
    theirs.fit(features.double().numpy(), labels.numpy())
    distances, indices = theirs.kneighbors(queries.double().numpy())
    found = nearest(features, queries, k, metric)
    assert found.indices.tolist() == indices.tolist()
    assert np.allclose(found.distances, distances, rtol=0, atol=1e-7)
    if k < 40:  # of 40 neighbours all classes but one have equal votes
        shares = theirs.predict_proba(queries.double().numpy())
        chosen = neighbour_classes(found, labels).numpy()
        assert (shares[np.arange(30), chosen] == shares.max(axis=1)).all()


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_weighted_votes_are_those_of_the_papers(temperature):
    features, queries, labels = normal(60, 4), normal(25, 4, seed=1), torch.arange(60) % 4
    cosines = torch.nn.functional.cosine_similarity(queries[:, None], features[None], dim=2)
    near, places = cosines.topk(9, dim=1)
    votes = torch.nn.functional.one_hot(labels[places]) * (near / temperature).exp()[:, :, None]
    found = neighbour_classes(nearest(features, queries, 9), labels, temperature)
    assert found.tolist() == votes.sum(dim=1).argmax(dim=1).tolist()
    plain = neighbour_classes(nearest(features, queries, 9), labels)
    assert bool((found != plain).any()) == (temperature == 0.07)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(METRICS), st.integers(0, 10_000), st.integers(1, 7))
def test_without_queries_each_sample_is_left_out_of_its_own_neighbours(metric, seed, k):
    features = in_a_grid(8, 3, seed=seed)
    found = nearest(features, k=k, metric=metric)
    for own in range(8):
        others = torch.tensor([place for place in range(8) if place != own])
        alone = nearest(features[others], features[own : own + 1], k, metric)
        assert found.indices[own].tolist() == others[alone.indices[0]].tolist()
        torch.testing.assert_close(found.distances[own], alone.distances[0], rtol=0, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(METRICS), st.integers(0, 10_000), st.booleans())
def test_blocks_change_nothing_and_of_equal_distances_the_first_row_is_nearer(metric, seed, left_out):
    features = in_a_grid(50, 3, seed=seed) * 0.3
    queries = None if left_out else in_a_grid(9, 3, seed=seed + 1) * 0.3
    whole = nearest(features, queries, 12, metric)
    for rows in (1, 4):
        cut = nearest(features, queries, 12, metric, max_bytes=rows * 8 * COPIES * 50)
        assert torch.equal(cut.indices, whole.indices) and torch.equal(cut.distances, whole.distances)
    later = whole.indices[:, 1:] > whole.indices[:, :-1]
    assert (later | (whole.distances[:, 1:] > whole.distances[:, :-1])).all()
    left = torch.ones(len(whole.indices), 50, dtype=torch.bool).scatter_(1, whole.indices, False)
    exact = torch.cdist((features if left_out else queries).double(), features.double())
    if metric == "euclidean":
        if left_out:
            exact.fill_diagonal_(torch.inf)
        last = exact.gather(1, whole.indices[:, -1:])
        assert (exact[left] >= last.expand(-1, 50)[left] - 1e-9).all()


def test_equal_votes_go_to_the_class_of_the_nearest_neighbour():
    features = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    labels = torch.tensor([9, 2, 2, 9])
    query = torch.tensor([[0.0]])
    assert neighbour_classes(nearest(features, query, 4, "euclidean"), labels).tolist() == [9]
    assert neighbour_classes(nearest(features, query, 2, "euclidean"), labels.flip(0)).tolist() == [9]
    assert neighbour_classes(nearest(features, query, 3, "euclidean"), labels).tolist() == [2]


def test_a_row_far_away_does_not_blur_the_others():
    features = torch.tensor([[0.0], [1.0], [1.001], [1e8]])
    assert nearest(features, torch.tensor([[1.0007]]), 3, "euclidean").indices.tolist() == [[2, 1, 0]]


def test_a_row_of_zeros_is_at_a_right_angle():
    found = nearest(torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[2.0, 0.0]]), 3)
    assert found.indices.tolist() == [[1, 0, 2]]
    assert found.distances.tolist() == [pytest.approx([0, 1, 2])]
    assert nearest(torch.zeros(3, 2), k=2, metric="euclidean").distances.tolist() == [[0, 0]] * 3


class Greatest(TorchDispatchMode):
    """The bytes of the greatest tensor that is made."""

    bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple) else (made,):
            if isinstance(tensor, torch.Tensor):
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return made


@pytest.mark.parametrize("metric", METRICS)
def test_memory_stays_within_what_is_given(metric):
    features = in_a_grid(600, 2)
    with Greatest() as greatest:
        nearest(features, k=5, metric=metric, max_bytes=2**18)
    assert greatest.bytes <= max(600 * 5 * 8, 2**18 / COPIES)
    with Greatest() as greatest:
        nearest(features, k=5, metric=metric)
    assert greatest.bytes >= 600 * 600 * 8


def test_what_cannot_be_is_refused():
    features = normal(5, 3)
    with pytest.raises(ConfigError, match=r"k=5 .*\[1, 4\]"):
        nearest(features, k=5)
    with pytest.raises(ConfigError, match=r"k=0"):
        nearest(features, features, k=0)
    with pytest.raises(ConfigError, match=r"cosin'.*Try: cosine"):
        nearest(features, k=1, metric="cosin")
    with pytest.raises(ConfigError, match=r"queries of shape.*3 columns"):
        nearest(features, normal(2, 4), k=1)
    found = nearest(features, k=2)
    with pytest.raises(ConfigError, match="temperature=0"):
        neighbour_classes(found, torch.arange(5), 0)
    with pytest.raises(ConfigError, match="temperature=nan"):
        neighbour_classes(found, torch.arange(5), math.nan)
    with pytest.raises(ConfigError, match="labels of shape"):
        neighbour_classes(found, torch.arange(2))
