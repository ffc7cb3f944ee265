from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from tlx.errors import ConfigError
from tlx.functional.h_score import h_score, regularized_h_score


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def classed(count, dimensions, classes=3, seed=0):
    labels = torch.arange(count) % classes
    return normal(count, dimensions, seed=seed) + normal(classes, dimensions, seed=seed + 1)[labels], labels


def between(features, labels):
    """The covariance of each sample's class mean."""
    x, y = features.numpy(), labels.numpy()
    means = np.stack([x[y == label].mean(axis=0) for label in y])
    return np.cov(means.T, bias=True).reshape(x.shape[1], x.shape[1])


def test_the_value_by_hand():
    found = h_score(torch.tensor([[0.0], [2.0], [1.0], [5.0]]), torch.tensor([0, 0, 1, 1]))
    assert found.score == pytest.approx(1 / 3.5, abs=1e-12)
    assert (found.rank, found.shrinkage) == (1, 0)


@pytest.mark.parametrize(("count", "classes"), [(60, 3), (61, 5), (100, 2)])
def test_it_is_the_trace_of_its_definition(count, classes):
    features, labels = classed(count, 7, classes)
    covariance = np.cov(features.numpy().T, bias=True)
    expected = np.trace(np.linalg.pinv(covariance) @ between(features, labels))
    assert h_score(features, labels).score == pytest.approx(expected, abs=1e-9)


def test_classes_that_are_points_have_the_rank_of_their_means():
    labels = torch.arange(20) % 4
    for rank in (1, 2, 3):
        means = normal(4, rank) @ normal(rank, 6, seed=1)
        found = h_score(means[labels], labels)
        assert (found.score, found.rank) == (pytest.approx(rank, abs=1e-9), rank)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_any_invertible_linear_map_and_shift_changes_nothing(seed):
    features, labels = classed(50, 5, seed=seed)
    mixed = features @ (normal(5, 5, seed=seed + 2) + 3 * torch.eye(5)) * torch.logspace(-6, 6, 5).double()
    found, again = h_score(features, labels), h_score(mixed + normal(5, seed=seed + 3), labels)
    assert again.score == pytest.approx(found.score, rel=1e-6)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(seed))
    assert h_score(features[order], 5 - labels[order]).score == pytest.approx(found.score, abs=1e-10)


@pytest.mark.parametrize("score", [h_score, regularized_h_score])
@pytest.mark.parametrize("dimensions", [1, 2, 4, 9])
def test_chance_is_the_mean_over_all_orders_of_the_labels(score, dimensions):
    features, labels = normal(6, dimensions), torch.tensor([0, 0, 1, 1, 1, 2])
    every = [score(features, torch.tensor(order)).score for order in set(permutations(labels.tolist()))]
    assert len(every) == 60
    assert score(features, labels).chance == pytest.approx(np.mean(every), abs=1e-9)


def test_of_fewer_samples_than_features_the_plain_score_is_its_chance_and_says_so():
    labels = torch.arange(30) % 3
    noise = normal(30, 200)
    good = noise + 2 * normal(3, 200, seed=1)[labels]
    for features in (noise, good):
        found = h_score(features, labels)
        assert found.score == pytest.approx(2, abs=1e-9) and found.chance == pytest.approx(2)
        assert found.rank == 29
    told = regularized_h_score(good, labels)
    assert told.score - told.chance > 0.9 * (2 - told.chance)
    nothing = regularized_h_score(noise, labels)
    assert abs(nothing.score - nothing.chance) < 0.1 * (2 - nothing.chance)


def test_more_features_that_know_nothing_score_more_and_less_so_when_regularized():
    labels = torch.arange(100) % 5
    found = [
        [score(normal(100, d), labels).score for d in (32, 512)] for score in (h_score, regularized_h_score)
    ]
    (plain_few, plain_many), (few, many) = found
    assert plain_few < plain_many and few < many
    assert many - few < plain_many - plain_few and many < plain_few


@pytest.mark.parametrize("shape", [(60, 7), (30, 100), (25, 1)])
def test_the_regularized_score_is_that_of_scikit_learn_s_covariance(shape):
    features, labels = classed(*shape)
    covariance, shrinkage = ledoit_wolf(features.numpy())
    expected = np.trace(np.linalg.solve(covariance, (1 - shrinkage) * between(features, labels)))
    found = regularized_h_score(features, labels)
    assert found.shrinkage == pytest.approx(shrinkage, abs=1e-10)
    assert found.score == pytest.approx(expected, abs=1e-9)
    assert found.score <= h_score(features, labels).score


@pytest.mark.parametrize("score", [h_score, regularized_h_score])
def test_features_that_do_not_vary_score_nothing(score):
    features, labels = classed(40, 4)
    constant = torch.full((40, 3), 0.1, dtype=torch.float64)
    assert (constant != constant.mean(dim=0)).all()  # for rounding
    dead = torch.cat([features, constant], dim=1)
    assert score(constant, labels)[:3] == (0, 0, 0)
    assert h_score(dead, labels).score == pytest.approx(h_score(features, labels).score, abs=1e-12)
    assert score(dead, labels).rank == 4


@pytest.mark.parametrize("score", [h_score, regularized_h_score])
def test_one_class_is_refused(score):
    with pytest.raises(ConfigError, match="at least 2"):
        score(normal(4, 2), torch.ones(4, dtype=torch.int64))
