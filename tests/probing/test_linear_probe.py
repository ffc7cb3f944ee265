import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlx.errors import ConfigError
from tlx.functional.intervals import wilson
from tlx.probing.linear_probe import Labelled, linear_probe
from tlx.probing.logistic import LogisticPath


def samples(count, seed, dimensions=30, classes=4, strength=0.35):
    """Noisy classes whose means are the same for every seed."""
    labels = torch.arange(count) % classes
    means = torch.randn(classes, dimensions, generator=torch.Generator().manual_seed(99))
    noise = torch.randn(count, dimensions, generator=torch.Generator().manual_seed(seed))
    return Labelled(noise + strength * means[labels], labels)


TRAIN, VALIDATION, REPORTED = samples(80, 1), samples(400, 2), samples(200, 3)
COARSE = {"weakest": 1e-4, "strongest": 1e2, "per_decade": 2}


@pytest.fixture(scope="module")
def probe():
    return linear_probe(TRAIN, VALIDATION, REPORTED, **COARSE)


def test_the_accuracy_is_that_of_the_classifier_with_its_interval(probe):
    right = int((probe.classifier.predict(REPORTED.features) == REPORTED.labels).sum())
    assert (probe.accuracy, probe.samples) == (right / 200, 200)
    assert (probe.low, probe.high) == wilson(right, 200)
    assert 0.4 < probe.accuracy < 0.95


def test_the_strength_is_that_of_the_best_validation(probe):
    chosen = max(probe.curve, key=lambda point: (point.accuracy, -point.loss))
    assert probe.strength == chosen.strength and not probe.at_end
    again = LogisticPath(*TRAIN).fit(probe.strength).classifier
    logits = again.logits(VALIDATION.features)
    assert chosen.accuracy == pytest.approx(
        float((logits.argmax(dim=1) == VALIDATION.labels).float().mean()), abs=0.01
    )
    loss = float(torch.nn.functional.cross_entropy(logits, VALIDATION.labels))
    assert chosen.loss == pytest.approx(loss, rel=1e-2)
    assert [point.strength for point in probe.curve] == sorted(
        (p.strength for p in probe.curve), reverse=True
    )
    assert all(point.converged for point in probe.curve) and probe.converged


def test_reported_samples_choose_nothing(probe):
    other = Labelled(REPORTED.features.flip(1), 3 - REPORTED.labels)
    found = linear_probe(TRAIN, VALIDATION, other, **COARSE)
    assert found.curve == probe.curve and found.strength == probe.strength
    assert torch.equal(found.classifier.weight, probe.classifier.weight)
    with pytest.raises(ConfigError, match="reported='the validation samples'"):
        linear_probe(TRAIN, VALIDATION, Labelled(VALIDATION.features.clone(), VALIDATION.labels))


def test_the_last_fit_is_to_both_or_to_training_alone(probe):
    both = LogisticPath(*(torch.cat(parts) for parts in zip(TRAIN, VALIDATION, strict=True)))
    expected = both.fit(probe.strength).classifier.logits(REPORTED.features)
    assert torch.equal(probe.classifier.logits(REPORTED.features), expected)
    alone = linear_probe(TRAIN, VALIDATION, REPORTED, refit=False, **COARSE)
    assert alone.curve == probe.curve
    expected = LogisticPath(*TRAIN).fit(probe.strength).classifier.logits(REPORTED.features)
    torch.testing.assert_close(alone.classifier.logits(REPORTED.features), expected, rtol=0, atol=1e-2)
    assert alone.accuracy < probe.accuracy


def test_the_searches_agree_where_there_is_one_peak(probe):
    full = linear_probe(TRAIN, VALIDATION, REPORTED, search="full", **COARSE)
    scores = [(point.accuracy, -point.loss) for point in full.curve]
    peak = scores.index(max(scores))
    assert scores[:peak] == sorted(scores[:peak])
    assert scores[peak:] == sorted(scores[peak:], reverse=True)
    assert 2 < peak < len(scores) - 3
    assert full.strength == probe.strength
    assert full.accuracy == probe.accuracy
    assert len(full.curve) == 13 > len(probe.curve)


def test_a_best_strength_at_the_end_is_told():
    found = linear_probe(TRAIN, VALIDATION, REPORTED, weakest=10, strongest=1e3, per_decade=1)
    assert found.at_end and found.strength == 10


def test_classes_that_training_lacks_count_as_wrong():
    kept = TRAIN.labels > 0
    found = linear_probe(
        Labelled(TRAIN.features[kept], TRAIN.labels[kept]), VALIDATION, REPORTED, refit=False, **COARSE
    )
    assert found.classifier.classes.tolist() == [1, 2, 3]
    known = REPORTED.labels > 0
    right = found.classifier.predict(REPORTED.features[known]) == REPORTED.labels[known]
    assert found.accuracy == pytest.approx(0.75 * float(right.float().mean()))
    with pytest.raises(ConfigError, match="none of the training classes"):
        linear_probe(TRAIN, Labelled(VALIDATION.features, VALIDATION.labels + 9), REPORTED)


def test_an_end_for_want_of_iterations_is_told():
    found = linear_probe(TRAIN, VALIDATION, REPORTED, max_iterations=2, **COARSE)
    assert not found.converged and not all(point.converged for point in found.curve)


def test_it_is_scikit_learn_s_regression_of_digits():
    x, y = (torch.from_numpy(part) for part in load_digits(return_X_y=True))
    parts = [Labelled(x[start : start + 300].float(), y[start : start + 300]) for start in (0, 300, 600)]
    found = linear_probe(*parts, **COARSE)
    regression = LogisticRegression(C=1 / (found.strength * 600), tol=1e-8, max_iter=10_000)
    theirs = make_pipeline(StandardScaler(), regression).fit(x[:600].numpy(), y[:600].numpy())
    right = theirs.predict(x[600:900].numpy()) == y[600:900].numpy()
    assert found.accuracy == pytest.approx(right.mean(), abs=1e-9)
    assert found.accuracy > 0.85
