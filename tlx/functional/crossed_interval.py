"""How sure a mean over runs and samples is, where every run answers for every sample."""

import math

import torch  # noqa: F401  # for the example
from torch import Tensor

from tlx.errors import bad_value

__all__ = ["crossed_interval"]


def crossed_interval(values: Tensor, confidence: float = 0.95) -> tuple[float, float]:
    r"""Student's interval of the mean of a table of runs by samples, both drawn from many more.

    .. math:: \bar d \pm t_\nu \sqrt{s_r^2 / R + s_n^2 / N}

    with :math:`s_r^2` the variance of the R means over samples and :math:`s_n^2` that of the N means over
    runs (the variance of a two-way layout with random effects, Searle, Casella and McCulloch, *Variance
    Components*, 1992), and :math:`\nu` after Satterthwaite (Biometrics Bulletin 1946). What is neither of
    a run nor of a sample is in both terms, so the interval is wider than it has to be, never narrower. It
    answers for other seeds and other samples of the same kind at once, where an interval over seeds takes
    the test samples for granted.

    Args:
        values: Shape (R, N), such as differences of two runs on the same sample; R, N >= 1. Of a single
            run, or a single sample, its part of the variance cannot be told and is left out.
        confidence: In (0, 1).

    Returns:
        The bounds; infinite where there is one run of one sample.

    Raises:
        ConfigError: The table is empty, or the confidence is out of its range.

    >>> [round(bound, 4) for bound in crossed_interval(torch.tensor([[0.0, 1.0], [1.0, 2.0]]))]
    [-2.0424, 4.0424]
    """
    if values.ndim != 2 or not values.numel():
        raise bad_value("values", tuple(values.shape), "a table of runs by samples, none of them 0")
    if not 0 < confidence < 1:
        raise bad_value("confidence", confidence, "a share in (0, 1)", "confidence=0.95")
    from scipy.special import stdtrit  # type: ignore[import-untyped, unused-ignore]  # slow to import

    table = values.double()
    parts = [
        (float(means.var()) / len(means), len(means) - 1)
        for means in (table.mean(1), table.mean(0))
        if len(means) > 1
    ]
    mean, variance = float(table.mean()), sum(part for part, _ in parts)
    if not parts:
        return -math.inf, math.inf
    if variance == 0:
        return mean, mean
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * math.sqrt(variance)
    return mean - half, mean + half
