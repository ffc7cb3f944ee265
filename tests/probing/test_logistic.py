import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression

from tlx.errors import ConfigError
from tlx.probing.logistic import LogisticPath


def classed(count, dimensions, classes=3, seed=0, strength=0.6):
    """Features of unlike scales whose means differ between classes, and the classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    means = torch.randn(classes, dimensions, generator=generator, dtype=torch.float64)
    noise = torch.randn(count, dimensions, generator=generator, dtype=torch.float64)
    return (noise + strength * means[labels]) * torch.logspace(-2, 2, dimensions).double() + 7, labels


def objective(features, labels, strength, weight, bias):
    """The mean loss on standardised features, and its penalty."""
    standard = (features - features.mean(dim=0)) / features.std(dim=0, correction=0)
    loss = torch.nn.functional.cross_entropy(standard @ weight.T + bias, labels)
    return loss + strength / 2 * weight.square().sum()


def standardised(classifier, features):
    """Its weights and biases, of standardised features."""
    weight = classifier.weight * features.std(dim=0, correction=0)
    return weight, classifier.bias + classifier.weight @ features.mean(dim=0)


@pytest.mark.parametrize("shape", [(90, 6), (30, 50)])
def test_it_minimises_the_mean_loss_and_half_the_squared_weights(shape):
    features, labels = classed(*shape)
    path = LogisticPath(features, labels)
    for strength in (10.0, 1e-1, 1e-3, 1e-6):
        fit = path.fit(strength)
        solved = [part.detach().requires_grad_() for part in standardised(fit.classifier, features)]
        gradients = torch.autograd.grad(objective(features, labels, strength, *solved), solved)
        assert max(float(part.abs().max()) for part in gradients) < 2 * min(1e-5, 1e-2 * strength)
        assert fit.converged


@pytest.mark.parametrize("shape", [(90, 6), (30, 50)])
def test_a_fit_begun_at_its_neighbour_is_that_of_scikit_learn_alone(shape):
    features, labels = classed(*shape)
    standard = (features - features.mean(dim=0)) / features.std(dim=0, correction=0)
    path = LogisticPath(features, labels)
    for strength in (1.0, 1e-2, 1e-4, 1e-6):
        alone = LogisticRegression(C=1 / (strength * len(features)), tol=1e-11, max_iter=100_000)
        alone.fit(standard.numpy(), labels.numpy())
        weight = standardised(path.fit(strength).classifier, features)[0].numpy()
        assert np.linalg.norm(weight - alone.coef_) < 0.02 * np.linalg.norm(alone.coef_)


def test_the_order_in_which_strengths_are_asked_for_hardly_matters():
    features, labels = classed(80, 10)
    down, up = LogisticPath(features, labels), LogisticPath(features, labels)
    strengths = [10.0**power for power in range(2, -6, -1)]
    downward = [down.fit(strength).classifier for strength in strengths]
    upward = [up.fit(strength).classifier for strength in reversed(strengths)]
    for one, other in zip(downward, reversed(upward), strict=True):
        gap = (one.logits(features).softmax(dim=1) - other.logits(features).softmax(dim=1)).abs().max()
        assert float(gap) < 2e-3


def test_a_strength_asked_for_again_is_not_solved_again():
    features, labels = classed(60, 5)
    path = LogisticPath(features, labels)
    first = path.fit(1e-2)
    path.fit(1e-4)
    again = path.fit(1e-2)
    assert torch.equal(again.classifier.weight, first.classifier.weight)
    assert again.iterations == first.iterations > 0


def test_two_points_have_the_closed_form():
    features, labels = torch.tensor([[-3.0], [3.0]]), torch.tensor([4, 9])
    for strength in (1.0, 0.1):
        found = LogisticPath(features, labels).fit(strength).classifier
        w = brentq(lambda w, strength=strength: strength * w - 1 / (1 + np.exp(w)), 0, 50)
        assert found.weight.flatten().tolist() == pytest.approx([-w / 6, w / 6], rel=1e-4)
        assert found.bias.tolist() == pytest.approx([0, 0], abs=1e-4)
        odds = found.logits(features)[:, 1] - found.logits(features)[:, 0]
        assert odds.tolist() == pytest.approx([-w, w], rel=1e-4)
        assert found.predict(features).tolist() == [4, 9]


def test_great_strength_leaves_the_shares_of_the_classes():
    features, _ = classed(100, 4)
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    found = LogisticPath(features, labels).fit(1e6).classifier
    shares = found.logits(features).softmax(dim=1)
    assert (shares - torch.tensor([0.6, 0.3, 0.1])).abs().max() < 1e-4


def test_a_strength_means_the_same_of_twice_the_samples():
    features, labels = classed(60, 8)
    once = LogisticPath(features, labels).fit(1e-2).classifier
    twice = LogisticPath(features.repeat(2, 1), labels.repeat(2)).fit(1e-2).classifier
    torch.testing.assert_close(once.logits(features), twice.logits(features), rtol=0, atol=5e-3)


def test_scale_and_shift_of_each_feature_change_nothing_and_constants_get_no_weight():
    features, labels = classed(60, 8)
    scales, shifts = torch.logspace(3, -3, 8).double(), torch.arange(8.0)
    plain = LogisticPath(features, labels).fit(1e-2).classifier
    moved = torch.cat([features * scales + shifts, torch.full((60, 2), 0.1)], dim=1)
    found = LogisticPath(moved, labels).fit(1e-2).classifier
    assert (found.weight[:, 8:] == 0).all()
    torch.testing.assert_close(found.logits(moved), plain.logits(features), rtol=0, atol=1e-8)
    single = LogisticPath(features.float(), labels).fit(1e-2).classifier
    torch.testing.assert_close(single.logits(features), plain.logits(features), rtol=0, atol=1e-3)


def test_a_fit_without_enough_iterations_is_told_and_not_warned_of():
    features, labels = classed(60, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = LogisticPath(features, labels, max_iterations=3).fit(1e-4)
    assert (fit.converged, fit.iterations) == (False, 3)


def test_what_cannot_be_fitted_is_refused():
    features, labels = classed(6, 2)
    with pytest.raises(ConfigError, match="at least 2"):
        LogisticPath(features, torch.zeros(6, dtype=torch.int64))
    with pytest.raises(ConfigError, match="strength=0"):
        LogisticPath(features, labels).fit(0)
    with pytest.raises(ConfigError, match="max_iterations=0"):
        LogisticPath(features, labels, 0)
