"""The runs of a tournament beside each other, sample by sample."""

from pathlib import Path

from torch import Tensor

from tlx.functional.crossed_interval import crossed_interval
from tlx.functional.intervals import wilson
from tlx.inference import worth_of_each
from tlx.job import Job
from tlx.protocols.advice.tournament import Played, Tournament
from tlx.protocols.comparison.measured import verdict_of
from tlx.protocols.results.advise import Entrant, Risk

__all__ = ["UNTOLD", "ComparedRuns"]

UNTOLD = "cannot be told"
"""Of a gain over scratch that was cut short: with more epochs it may catch up."""


class ComparedRuns:
    """Compares by validation samples; each run answers them once.

    Args:
        job: Its data and trainer say on what and where.
        tournament: That was played.
        trust: Further packages whose code a bundle may name.
    """

    def __init__(self, job: Job, tournament: Tournament, trust: tuple[str, ...]) -> None:
        self.job, self.tournament, self.trust = job, tournament, trust
        self._known: dict[Path, Tensor] = {}

    def entrants(self, winner: Played | None) -> tuple[Entrant, ...]:
        """Every run with its accuracy, the winner first; those of its length beside it."""
        if winner is None:
            return ()
        played = self.tournament.played
        found = [
            self._entrant(each, self._difference(winner, each) if self._alike(winner, each) else None)
            for each in played
        ]
        first = found.pop(played.index(winner))
        return (first, *sorted(found, key=lambda each: (-each.limit, -each.accuracy)))

    def risk(self, margin: float) -> Risk | None:
        """The best run that knows something against one from scratch; None where there is no such pair.

        Args:
            margin: The gain that counts.
        """
        pair = self.tournament.against_scratch()
        if pair is None:
            return None
        difference = self._difference(*pair)
        low, high = _bounds(difference)
        verdict: str = verdict_of(low, high, margin)
        if verdict == "positive transfer" and not self.tournament.in_full(pair[1]):
            verdict = UNTOLD
        known, scratch = (int(played.run.summary["train/epochs"]) for played in pair)
        return Risk(verdict, float(difference.mean()), low, high, scratch, known)

    def _entrant(self, played: Played, behind: Tensor | None) -> Entrant:
        samples = len(self.job.data.splits.val)
        accuracy = float(played.run.summary["val/accuracy"])
        low, high = wilson(accuracy * samples, samples)
        bounds = (None, None) if behind is None else _bounds(behind)
        return Entrant(
            name=played.entry.name,
            rate=played.entry.rate,
            limit=played.limit,
            epochs=int(played.run.summary["train/epochs"]),
            seconds=played.seconds,
            parameters=int(played.run.summary["parameters/trainable"]),
            value=played.value,
            accuracy=accuracy,
            low=low,
            high=high,
            behind=None if behind is None else float(behind.mean()),
            behind_low=bounds[0],
            behind_high=bounds[1],
        )

    def _alike(self, one: Played, other: Played) -> bool:
        """Whether both are of one round."""
        limit = max(one.limit, other.limit)
        return self.tournament.is_of(limit, one) and self.tournament.is_of(limit, other)

    def _difference(self, one: Played, other: Played) -> Tensor:
        return self._worth(one) - self._worth(other)

    def _worth(self, played: Played) -> Tensor:
        folder = played.run.folder
        if folder not in self._known:
            data, trainer = self.job.data, self.job.trainer
            self._known[folder] = worth_of_each(folder, data, trainer, "val", self.trust)
        return self._known[folder]


def _bounds(difference: Tensor) -> tuple[float, float]:
    """Of the mean difference of two accuracies, in [-1, 1]."""
    return crossed_interval(difference[None], reach=1.0)
