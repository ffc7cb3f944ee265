"""What `tlx rank` answers, and how far its scores agree with fine-tuning."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tlx.functional.rank_agreement import rank_agreement

__all__ = ["FEWEST", "Candidate", "Held", "RankResult", "agreement_of", "too_few"]

SCORES = ("logme", "leep", "nce", "h_score", "neighbours", "probe")
"""What a candidate is scored by, more of each being better; the first one orders them."""

FEWEST = 4
"""Candidates over which an agreement is told: three come in the same order by chance once in six times."""


@dataclass(frozen=True)
class Candidate:
    """One source model.

    Args:
        name: Its words.
        logme: Log evidence of a linear model of the labels, per sample (You et al. 2021).
        leep: Log likelihood by the source's classes (Nguyen et al. 2020); None without an original head.
        nce: Minus the conditional entropy by the source's classes (Tran et al. 2019); None as above.
        h_score: Regularised (Ibrahim et al. 2021), in [0, classes - 1].
        neighbours: Accuracy of nearest neighbours on the samples that choose.
        probe: Accuracy of a linear probe on the samples reported, its penalty chosen on others.
        dimensions: Features of the last stage.
        parameters: Of the backbone.
        bytes: Of its weights.
        layer_bytes: The greatest input and output of one layer together, of one sample.
        seconds: To give the features of a thousand samples, by the fastest of a few batches.
        finetuned: The figure after fine-tuning, mean over seeds; None where that was not asked for.
    """

    name: str
    logme: float
    leep: float | None
    nce: float | None
    h_score: float
    neighbours: float
    probe: float
    dimensions: int
    parameters: int
    bytes: int
    layer_bytes: int
    seconds: float
    finetuned: float | None


@dataclass(frozen=True)
class Held:
    """How well a score orders the candidates as fine-tuning does.

    Args:
        score: Which.
        weighted_tau: Vigna's, in [-1, 1].
        low: Of a 95 % interval over candidates; None of fewer than five.
        high: The same.
        candidates: That have the score, at least four.
        p: Two-sided, of a permutation test: how often chance agrees as well; None where nothing varies.
    """

    score: str
    weighted_tau: float | None
    low: float | None
    high: float | None
    candidates: int
    p: float | None


@dataclass(frozen=True)
class RankResult:
    """The answer of `tlx rank`.

    Args:
        candidates: The best by LogME first.
        best: Its name.
        samples: That were scored.
        reported_on: "test" or "val": what the accuracy of the probe is of.
        reported: Samples.
        chosen_on: What chose its penalty, and what nearest neighbours were asked, for people.
        figure: What `finetuned` is; None where nothing was fine-tuned.
        agreement: Of each score that four candidates have with fine-tuning; empty as above.
        warnings: What makes the answer less than it looks.
    """

    candidates: tuple[Candidate, ...]
    best: str
    samples: int
    reported_on: str
    reported: int
    chosen_on: str
    figure: str | None
    agreement: tuple[Held, ...]
    warnings: tuple[str, ...]

    def figures(self) -> dict[str, float | None]:
        """The scores of the best candidate; LogME is one of samples that it is fitted to."""
        best = self.candidates[0]
        own = {"logme": best.logme, f"{self.reported_on}/probe_accuracy": best.probe}
        return own | self.neighbour_figure()

    def neighbour_figure(self) -> dict[str, float | None]:
        """Accuracy of the best candidate's nearest neighbours, on the samples that chose penalties."""
        asked = "val" if self.chosen_on == "val" else "held_out"
        return {f"{asked}/neighbour_accuracy": self.candidates[0].neighbours}

    def texts(self) -> dict[str, str]:
        """The best candidate."""
        return {"best/model": self.best}


def agreement_of(candidates: Sequence[Candidate], higher: bool) -> tuple[Held, ...]:
    """How well each score that enough candidates have orders them as fine-tuning does.

    Args:
        candidates: Fine-tuned.
        higher: Whether more of what fine-tuning came to is better.
    """
    found, sign = [], 1 if higher else -1
    for score in SCORES:
        pairs = [(getattr(each, score), each.finetuned) for each in candidates]
        known = [(value, outcome) for value, outcome in pairs if value is not None and outcome is not None]
        if len(known) < FEWEST:
            continue
        tau = rank_agreement(
            [value for value, _ in known], [sign * outcome for _, outcome in known]
        ).weighted_tau
        value = None if tau.value != tau.value else tau.value
        found.append(Held(score, value, tau.low, tau.high, len(known), tau.p))
    return tuple(found)


def too_few(candidates: int) -> str:
    """What is said where no agreement is told.

    Args:
        candidates: How many there are, fewer than `FEWEST`.
    """
    return (
        f"How well the scores foretold fine-tuning is not told: {candidates} candidates are in one order by "
        f"chance in 1 of {math.factorial(candidates)} cases. Try: {FEWEST} candidates or more in rank.models"
    )
