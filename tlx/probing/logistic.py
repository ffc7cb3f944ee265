"""Logistic regression of one set of features at many strengths, each begun where the nearest one ended."""

import math
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.errors import bad_value
from tlx.functional.score_inputs import checked_features, checked_labels, classes

__all__ = ["LinearClassifier", "LogisticFit", "LogisticPath"]

Rows = NDArray[np.float64]

STEEPEST = 1e-5
"""The greatest derivative of the objective at its minimum, of strengths that are not weak."""
RELATIVE = 1e-2
"""The same as a share of the strength."""


@dataclass(frozen=True)
class LinearClassifier:
    """A linear map of features as they are, and the classes it chooses from."""

    weight: Tensor
    """Shape (K, D), float64."""
    bias: Tensor
    """Shape (K,), float64."""
    classes: Tensor
    """Those of the training samples, ascending, shape (K,), int64."""

    def logits(self, features: Tensor) -> Tensor:
        """Shape (N, K), float64, for features of shape (N, D)."""
        return torch.addmm(self.bias, features.double(), self.weight.T)

    def predict(self, features: Tensor) -> Tensor:
        """Classes, shape (N,), int64, for features of shape (N, D)."""
        return self.classes[self.logits(features).argmax(dim=1)]


class LogisticFit(NamedTuple):
    """The classifier of one strength."""

    classifier: LinearClassifier
    iterations: int
    converged: bool
    """Whether it ended for its objective being flat, and not for want of iterations or of digits."""


class _Solution(NamedTuple):
    coefficients: Rows
    intercepts: Rows
    iterations: int
    converged: bool


class LogisticPath:
    r"""Multinomial logistic regressions of the same samples, at strengths that are asked for one by one.

    .. math::
        \frac1N \sum_i -\ln p(y_i | x_i) + \frac\lambda2 \|W\|^2

    by scikit-learn's L-BFGS in double precision. The loss is a mean, so that a strength :math:`\lambda` means
    the same at any N; scikit-learn's is a sum, its :math:`C = 1 / (\lambda N)`. Features are standardised by
    the mean and standard deviation of these samples, which counts only in W: `classifier` takes features as
    they are. Those that do not vary get no weight, and the bias is not regularized. Of two classes there is
    one vector of weights, whose halves the rows of `classifier.weight` are.

    A fit begins where the fit of the nearest strength ended. With the usual tolerance of 1e-4 on the gradient
    it would then end at once for weak strengths, where a change of the strength hardly changes the gradient
    (of SqueezeNet's features of 2000 photos and drawings weights would be off by 31 % at 1e-6): derivatives
    are at most 1e-5, and at most a hundredth of the strength. For that single precision has too few digits.

    With fewer samples than features the regression is solved in the space that samples span, in which
    the solution lies; it is the same.

    Args:
        features: Shape (N, D).
        labels: Shape (N,), of at least two classes.
        max_iterations: Of each fit, >= 1.

    Raises:
        ConfigError: Features are not finite, shapes do not fit, or there is but one class.
    """

    def __init__(self, features: Tensor, labels: Tensor, max_iterations: int = 5000) -> None:
        rows = checked_features(features).cpu()
        self._present, self._places = classes(checked_labels(labels, len(rows)).cpu())
        if len(self._present) < 2:
            raise bad_value("classes of training samples", len(self._present), "at least 2")
        if max_iterations < 1:
            raise bad_value("max_iterations", max_iterations, "a whole number >= 1")
        self.max_iterations = max_iterations
        self._mean = rows.mean(dim=0)
        centred = rows - self._mean
        spread = centred.square().mean(dim=0).sqrt()
        moving = spread > 1e-12 * rows.abs().amax(dim=0)
        self._scale = torch.where(moving, 1 / spread, 0.0)
        standard = centred * self._scale
        self._basis: Tensor | None = None
        if len(rows) < rows.shape[1]:
            left, values, right = torch.linalg.svd(standard, full_matrices=False)
            standard, self._basis = left * values, right.T
        self._rows: Rows = np.ascontiguousarray(standard.numpy())
        self._found: dict[float, _Solution] = {}

    def fit(self, strength: float) -> LogisticFit:
        """The regression of one strength; asked for again it is the same.

        Args:
            strength: > 0.

        Raises:
            ConfigError: The strength is not above 0.
        """
        if not 0 < strength < math.inf:
            raise bad_value("strength", strength, "a number > 0")
        if strength not in self._found:
            self._found[strength] = self._solved(strength)
        found = self._found[strength]
        classifier = self._on_features(found.coefficients, found.intercepts)
        return LogisticFit(classifier, found.iterations, found.converged)

    def _solved(self, strength: float) -> _Solution:
        from sklearn.exceptions import ConvergenceWarning  # slow to import
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(
            C=1 / (strength * len(self._rows)),
            tol=min(STEEPEST, RELATIVE * strength),
            max_iter=self.max_iterations,
            warm_start=True,
        )
        if self._found:
            nearest = min(self._found, key=lambda known: abs(math.log(known / strength)))
            model.coef_, model.intercept_ = self._found[nearest][:2]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(self._rows, self._places.numpy())
        foreign = [warned for warned in caught if not issubclass(warned.category, ConvergenceWarning)]
        for warned in foreign:
            warnings.warn_explicit(warned.message, warned.category, warned.filename, warned.lineno)
        converged = len(foreign) == len(caught)
        return _Solution(model.coef_, model.intercept_, int(model.n_iter_[0]), converged)

    def _on_features(self, coefficients: Rows, intercepts: Rows) -> LinearClassifier:
        """The same classifier, of features that are not standardised."""
        weight, bias = torch.from_numpy(coefficients), torch.from_numpy(intercepts)
        if len(self._present) == 2:
            weight, bias = (torch.cat([-half, half]) / 2 for half in (weight, bias))
        if self._basis is not None:
            weight = weight @ self._basis.T
        weight = weight * self._scale
        return LinearClassifier(weight, bias - weight @ self._mean, self._present)
