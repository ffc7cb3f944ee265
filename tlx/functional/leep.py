"""LEEP: how well the classes of a source model, as its own head tells them, predict those of the target."""

import torch  # noqa: F401  # for the examples
from torch import Tensor

from tlx.functional.score_inputs import checked_labels, checked_probabilities, classes

__all__ = ["leep"]


def leep(probabilities: Tensor, labels: Tensor) -> float:
    r"""The mean log likelihood of the labels under the expected empirical predictor.

    .. math::
        \frac1N \sum_i \ln \sum_z \hat P(y_i | z)\, \theta(x_i)_z, \qquad
        \hat P(y, z) = \frac1N \sum_{i:\, y_i = y} \theta(x_i)_z

    Nguyen, Hassner, Seeger and Archambeau, *LEEP: A New Measure to Evaluate Transferability of Learned
    Representations*, 2020, arXiv 2002.12462. A source class to which no sample gives any probability
    has no :math:`\hat P(y | z)` and weighs 0 in every prediction: it is left out.

    With z the most probable source class of each sample it is at least the mean of
    :math:`\ln \hat P(y_i | z_i) + \ln \theta(x_i)_{z_i}`. That is no bound by `nce`, whose conditional
    distribution counts the z: for :math:`\theta = (.6, .4), (.4, .6)` and two classes NCE is 0 and the
    mean of :math:`\ln \theta(x_i)_{z_i}` is ln .6, but LEEP is ln .52.

    Args:
        probabilities: :math:`\theta`, of the source's Z classes for target samples, shape (N, Z); rows
            sum to 1.
        labels: Target classes y, shape (N,).

    Returns:
        At most 0, and more is better. Of labels that do not depend on the source's classes it is minus
        their entropy.

    Raises:
        ConfigError: A row is no distribution, as of logits, or shapes do not fit.

    >>> theta = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.1, 0.9]])
    >>> round(leep(theta, torch.tensor([0, 0, 1, 1])), 7)
    -0.4712479
    """
    rows = checked_probabilities(probabilities)
    present, places = classes(checked_labels(labels, len(rows)))
    joint = rows.new_zeros(len(present), rows.shape[1]).index_add_(0, places, rows)
    mass = joint.sum(dim=0)
    given = joint[:, mass > 0] / mass[mass > 0]
    predictions = (rows[:, mass > 0] @ given.T).gather(1, places[:, None])
    return min(0.0, float(predictions.log().mean()))
