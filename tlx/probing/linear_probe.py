"""The linear probe: what a linear classifier makes of features, its strength chosen on validation data."""

from typing import NamedTuple

import torch
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.intervals import wilson
from tlx.functional.score_inputs import checked_features, checked_labels
from tlx.probing.logistic import LinearClassifier, LogisticPath
from tlx.probing.strengths import best_strength, strengths

__all__ = ["Labelled", "LinearProbe", "ProbePoint", "linear_probe"]


class Labelled(NamedTuple):
    """Samples as a probe sees them."""

    features: Tensor
    """Shape (N, D)."""
    labels: Tensor
    """Classes, whole numbers, shape (N,)."""


class ProbePoint(NamedTuple):
    """A strength that was tried."""

    strength: float
    accuracy: float
    """On the validation samples."""
    loss: float
    """Cross-entropy of those validation samples whose class training has."""
    iterations: int
    converged: bool


class LinearProbe(NamedTuple):
    """What a linear probe found."""

    accuracy: float
    """On the reported samples."""
    low: float
    """Of Wilson's interval."""
    high: float
    samples: int
    """How many were reported on."""
    strength: float
    """The one that was chosen."""
    at_end: bool
    """Whether it is the weakest or the strongest there was, so that a better one may lie beyond."""
    converged: bool
    """Whether the fit that is reported ended for being flat; of others, `curve` tells."""
    curve: tuple[ProbePoint, ...]
    """Every strength that was tried, the strongest first."""
    classifier: LinearClassifier


def linear_probe(
    train: Labelled,
    validation: Labelled,
    reported: Labelled,
    refit: bool = True,
    search: str = "binary",
    weakest: float = 1e-6,
    strongest: float = 1e6,
    per_decade: int = 8,
    max_iterations: int = 5000,
) -> LinearProbe:
    r"""Fit a logistic regression to features, and report its accuracy on samples that chose nothing.

    Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021,
    arXiv 2103.00020, A.3, with two departures: the strength :math:`\lambda` multiplies half the squared
    weights beside the **mean** loss (`LogisticPath`), and features are standardised by the training samples.
    The strength of the greatest accuracy on the validation samples is chosen, of equal ones that of the
    smallest cross-entropy there. A sample whose class training lacks counts as wrong.

    Args:
        train: What is fitted, of at least two classes.
        validation: What chooses the strength.
        reported: What the accuracy is of. It must not be the validation samples.
        refit: Whether the classifier that is reported is fitted again, with the chosen strength, to training
            and validation samples together, standardised by both.
        search: `binary` begins with a strength in every second decade and halves the distance around the
            best; `full` tries all. They agree where accuracy has one peak; `curve` has what was tried.
        weakest: Strength, > 0.
        strongest: > `weakest`.
        per_decade: Strengths to a factor of 10.
        max_iterations: Of each fit.

    Returns:
        The accuracy with Wilson's 95 % interval, which knows of no chance but that in the reported samples.

    Raises:
        ConfigError: Features are not finite, shapes do not fit, there is but one class to train on, no
            validation sample is of a class that training has, or samples that choose are reported too.

    >>> x = torch.linspace(-1, 1, 40)[:, None]
    >>> samples = [Labelled(x + shift, (x[:, 0] > 0.2).long()) for shift in (0.0, 0.01, 0.02)]
    >>> found = linear_probe(*samples)
    >>> found.accuracy, round(found.low, 3), found.samples
    (1.0, 0.912, 40)
    """
    train, validation = _checked(train, "train"), _checked(validation, "validation")
    reported = _checked(reported, "reported")
    if torch.equal(validation.features, reported.features):
        raise bad_value("reported", "the validation samples", "samples that choose nothing", "split them")
    tried = strengths(weakest, strongest, per_decade)
    path = LogisticPath(train.features, train.labels, max_iterations)
    points: dict[int, ProbePoint] = {}

    def score(place: int) -> tuple[float, float]:
        fit = path.fit(tried[place])
        accuracy, loss = _validated(fit.classifier, validation)
        points[place] = ProbePoint(tried[place], accuracy, loss, fit.iterations, fit.converged)
        return accuracy, -loss

    best = best_strength(score, len(tried), 2 * per_decade, search)
    if refit:
        features, labels = (torch.cat(parts) for parts in zip(train, validation, strict=True))
        path = LogisticPath(features, labels, max_iterations)
    final = path.fit(tried[best])
    right = int((final.classifier.predict(reported.features) == reported.labels).sum())
    count = len(reported.labels)
    return LinearProbe(
        right / count,
        *wilson(right, count),
        samples=count,
        strength=tried[best],
        at_end=best in (0, len(tried) - 1),
        converged=final.converged,
        curve=tuple(points[place] for place in sorted(points)),
        classifier=final.classifier,
    )


def _checked(samples: Labelled, name: str) -> Labelled:
    features = checked_features(samples.features, f"{name} features").cpu()
    return Labelled(features, checked_labels(samples.labels, len(features), f"{name} labels").cpu())


def _validated(classifier: LinearClassifier, samples: Labelled) -> tuple[float, float]:
    """Accuracy, and the cross-entropy where it is finite."""
    logits = classifier.logits(samples.features)
    right = classifier.classes[logits.argmax(dim=1)] == samples.labels
    known = torch.isin(samples.labels, classifier.classes)
    if not bool(known.any()):
        raise bad_value("validation labels", "none of the training classes", "classes that training has")
    places = torch.searchsorted(classifier.classes, samples.labels[known])
    loss = torch.nn.functional.cross_entropy(logits[known], places)
    return float(right.double().mean()), float(loss)
