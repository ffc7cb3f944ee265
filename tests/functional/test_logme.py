import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from tlx.errors import ConfigError
from tlx.functional.logme import log_evidence, logme


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def classed(count, dimensions, classes=3, strength=0.7, seed=0):
    """Features whose means differ between classes, and the classes."""
    labels = torch.arange(count) % classes
    return normal(count, dimensions, seed=seed) + strength * normal(classes, dimensions, seed=seed + 1)[
        labels
    ], labels


def by_definition(features, y, alpha, beta):
    covariance = torch.eye(len(y)).double() / beta + features @ features.T / alpha
    return multivariate_normal.logpdf(y.numpy(), cov=covariance.numpy()) / len(y)


def published(features, y, alpha, beta, whole=True):
    """The formula of the paper, or, of N < D, what the authors' code makes of it: a sum over min(N, D)."""
    count, dimensions = features.shape
    system = alpha * torch.eye(dimensions).double() + beta * features.T @ features
    m = beta * torch.linalg.solve(system, features.T @ y)
    if whole:
        volume = torch.logdet(system)
    else:
        volume = (alpha + beta * torch.linalg.svdvals(features) ** 2).log().sum()
    evidence = dimensions / 2 * math.log(alpha) + count / 2 * math.log(beta) - volume / 2
    evidence -= beta / 2 * (features @ m - y).square().sum() + alpha / 2 * (m @ m)
    return float(evidence / count - math.log(2 * math.pi) / 2)


@pytest.mark.parametrize("shape", [(60, 8), (20, 50), (12, 12)])
@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 1.0), (5.0, 2.0), (1e-2, 1e2), (1e3, 1e-2)])
def test_the_evidence_is_the_density_of_the_targets(shape, alpha, beta):
    features, y = normal(*shape), normal(shape[0], seed=1)
    found = log_evidence(features, y, alpha, beta).item()
    assert found == pytest.approx(by_definition(features, y, alpha, beta), abs=1e-6)
    assert found == pytest.approx(published(features, y, alpha, beta), abs=1e-6)


@pytest.mark.parametrize(("alpha", "missing"), [(0.3, -3.3279 + 4.2309), (5.0, -2.002 + 0.795)])
def test_fewer_samples_than_features_lack_no_term(alpha, missing):
    features, y = normal(20, 50), normal(20, seed=1)
    found = log_evidence(features, y, alpha, 1.0).item()
    assert found - published(features, y, alpha, 1.0, whole=False) == pytest.approx(missing, abs=1e-3)


@pytest.mark.parametrize("shape", [(40, 6), (16, 24), (16, 16)])
@pytest.mark.parametrize("seed", range(2))
def test_the_evidence_is_that_of_the_precisions_told_and_no_others_have_more(shape, seed):
    features, labels = classed(*shape, strength=0.5, seed=seed)
    found = logme(features, labels)
    assert found.score == pytest.approx(float(found.evidences.mean()))
    for evidence, alpha, beta, column in zip(
        *(each.tolist() for each in found[1:4]), found.columns, strict=True
    ):
        y = (labels == column).double()
        assert evidence == pytest.approx(published(features, y, alpha, beta), abs=1e-6)
        for start in ([0.0, 0.0], [2.0, 8.0]):
            searched = minimize(
                lambda x, y=y: -by_definition(features, y, *np.exp(x)), start, bounds=[(-15, 15)] * 2
            )
            assert -searched.fun <= evidence + 1e-9


@pytest.mark.parametrize("shape", [(300, 10), (60, 40)])
def test_it_is_where_the_iteration_of_the_paper_ends(shape):
    features, labels = classed(*shape)
    found = logme(features, labels)
    values, vectors = torch.linalg.eigh(features.T @ features)
    for column, evidence in zip(found.columns, found.evidences.tolist(), strict=True):
        y = (labels == column).double()
        alpha = beta = 1.0
        for _ in range(1000):
            m = vectors @ (beta / (alpha + beta * values) * (vectors.T @ (features.T @ y)))
            gamma = float((beta * values / (alpha + beta * values)).sum())
            alpha = gamma / float(m @ m)
            beta = (len(y) - gamma) / float((features @ m - y).square().sum())
        assert evidence == pytest.approx(published(features, y, alpha, beta), abs=1e-6)
        assert (alpha, beta) == pytest.approx(
            (float(found.alphas[column]), float(found.betas[column])), rel=1e-5
        )
    assert found.converged.all()


def test_features_that_tell_nothing_get_what_noise_alone_gets():
    labels = torch.arange(100) % 2
    features = normal(100, 3)
    features -= torch.linalg.lstsq(torch.eye(2).double()[labels], features).solution[labels]
    expected = -0.5 * (math.log(2 * math.pi * 0.5) + 1)
    found = logme(features, labels)
    assert found.score == pytest.approx(expected, abs=1e-9)
    assert found.converged.all()
    assert logme(torch.zeros(100, 3), labels).score == pytest.approx(expected, abs=1e-12)


def test_targets_that_features_reach_without_error_of_fewer_samples_have_a_bound():
    features, labels = classed(30, 200, strength=3.0)
    found = logme(features, labels)
    assert found.converged.all() and (found.alphas / found.betas < 1e-3).all()
    y = (labels == 0).double()
    gram = features @ features.T
    distance = float(y @ torch.linalg.solve(gram, y))
    noiseless = -0.5 * (math.log(2 * math.pi * distance / 30) + 1 + float(torch.logdet(gram)) / 30)
    assert float(found.evidences[0]) == pytest.approx(noiseless, abs=1e-6)


def test_evidence_without_bound_is_told():
    features, labels = classed(30, 4)
    found = logme(torch.cat([features, torch.eye(3).double()[labels]], dim=1), labels)
    assert not found.converged.any()
    assert math.isfinite(found.score)


def test_classes_without_a_sample_do_not_count():
    features, labels = classed(40, 6)
    gap = torch.tensor([0, 4, 9])[labels]
    found = logme(features, gap)
    assert found.columns.tolist() == [0, 4, 9]
    assert found.score == logme(features, labels).score


def test_numbers_are_targets_as_they_are_and_constant_columns_do_not_count():
    features = normal(50, 6)
    y = features @ normal(6, 2, seed=1) + 0.1 * normal(50, 2, seed=2)
    targets = torch.stack([y[:, 0], torch.full((50,), 3.0).double(), y[:, 1]], dim=1)
    found = logme(features, targets)
    assert found.columns.tolist() == [0, 2]
    assert found.score == pytest.approx((logme(features, y[:, 0]).score + logme(features, y[:, 1]).score) / 2)
    assert (found.betas.sqrt() - 10).abs().max() < 2.5
    assert logme(features, 10 * y).score == pytest.approx(found.score - math.log(10))


def test_better_features_score_more():
    labels = torch.arange(200) % 3
    noise, means = normal(200, 20), normal(3, 20, seed=1)
    scores = [logme(noise + strength * means[labels], labels).score for strength in (0.0, 0.3, 1.0, 3.0)]
    assert scores == sorted(scores) and scores[3] > scores[0] + 1


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([(25, 6), (8, 20)]), st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_order_rotation_and_a_common_factor_change_nothing(shape, seed, factor):
    features, labels = classed(*shape, seed=seed)
    score = logme(features, labels).score
    order = torch.randperm(shape[0], generator=torch.Generator().manual_seed(seed))
    rotation = torch.linalg.qr(normal(shape[1], shape[1], seed=seed + 7)).Q
    assert logme(features[order], labels[order]).score == pytest.approx(score, abs=1e-8)
    assert logme(factor * features @ rotation, labels).score == pytest.approx(score, abs=1e-8)


def test_what_cannot_be_scored_is_refused():
    features = normal(4, 2)
    with pytest.raises(ConfigError, match="at least two classes"):
        logme(features, torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ConfigError, match="targets of shape"):
        logme(features, torch.zeros(3, 2))
    with pytest.raises(ConfigError, match="beta=0"):
        log_evidence(features, torch.arange(4), 1.0, 0)
