"""The gain on one set of samples: how much, how sure, and what that says."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from tlx.figures import FIGURES, higher_is_better
from tlx.functional.crossed_interval import crossed_interval

__all__ = ["Measured", "Verdict", "compared", "verdict_of"]

Verdict = Literal["positive transfer", "none shown", "negative transfer"]


@dataclass(frozen=True)
class Measured:
    """The gain on one set of samples.

    Args:
        name: Of the set.
        samples: N.
        transfer: Mean figure of the pre-trained arm over the seeds.
        scratch: The same from scratch.
        gain: The difference that favours transfer, mean over seeds.
        low: Of its 95 % interval over seeds and samples.
        high: The same.
        verdict: What that says.
    """

    name: str
    samples: int
    transfer: float
    scratch: float
    gain: float
    low: float
    high: float
    verdict: str


def compared(name: str, transfer: Tensor, scratch: Tensor, figure: str, margin: float) -> Measured:
    """Both arms on the same samples, paired by seed and by sample.

    Args:
        name: Of the set.
        transfer: What each answer of each run is worth, shape (R, N).
        scratch: The same from scratch.
        figure: What it is worth: a figure of `tlx.figures.FIGURES`.
        margin: How far beyond 0 the interval has to lie.
    """
    difference = (transfer - scratch) * (1 if higher_is_better(f"val/{figure}") else -1)
    low, high = crossed_interval(difference, reach=1.0 if FIGURES[figure].share else None)
    means = float(transfer.mean()), float(scratch.mean())
    verdict = verdict_of(low, high, margin)
    return Measured(name, transfer.shape[1], *means, float(difference.mean()), low, high, verdict)


def verdict_of(low: float, high: float, margin: float) -> Verdict:
    """What an interval of the gain says.

    >>> verdict_of(0.02, 0.05, 0.01), verdict_of(-0.02, 0.05, 0.01), verdict_of(-0.05, -0.02, 0.01)
    ('positive transfer', 'none shown', 'negative transfer')
    """
    if low > margin:
        return "positive transfer"
    return "negative transfer" if high < -margin else "none shown"
