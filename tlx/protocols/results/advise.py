"""What `tlx advise` answers."""

from dataclasses import dataclass

from tlx.command_line import command_line
from tlx.figures import COMMAND
from tlx.protocols.distance import DistanceResult
from tlx.protocols.label_guides import Guide
from tlx.protocols.probe import ProbeResult
from tlx.protocols.results.rank import RankResult

__all__ = ["AdviseResult", "ClassCount", "Entrant", "Noticed", "Risk", "Target"]


@dataclass(frozen=True)
class ClassCount:
    """Samples of one class.

    Args:
        name: Of the class.
        train: Samples.
        val: Samples.
        test: Samples; None where there is no test split.
    """

    name: str
    train: int
    val: int
    test: int | None


@dataclass(frozen=True)
class Target:
    """What the target data holds.

    Args:
        train: Samples.
        val: Samples.
        test: Samples; None where there is no such split.
        counts: Of every class.
        imbalance: Training samples of the largest class over those of the smallest.
        duplicates: Training samples whose exact bytes an earlier one has; None where that cannot be told.
    """

    train: int
    val: int
    test: int | None
    counts: tuple[ClassCount, ...]
    imbalance: float
    duplicates: int | None


@dataclass(frozen=True)
class Noticed:
    """Something about the data.

    Args:
        level: `ok`, `warn` or `bad`.
        what: What was measured.
        fix: A way out; empty where all is well.
    """

    level: str
    what: str
    fix: str


@dataclass(frozen=True)
class Entrant:
    """A run of the tournament.

    Args:
        name: The words that choose it.
        rate: What its rates were multiplied by.
        limit: Epochs of a phase at most.
        epochs: That it ran.
        seconds: That it took.
        parameters: That train.
        value: The validation figure that selects.
        accuracy: On the validation samples, which selected its epoch.
        low: Of Wilson's 95 % interval.
        high: The same.
        behind: Accuracy of the winner minus its own, on the same samples; None in a shorter round.
        behind_low: Of its paired 95 % interval.
        behind_high: The same.
    """

    name: str
    rate: float
    limit: int
    epochs: int
    seconds: float
    parameters: int
    value: float
    accuracy: float
    low: float
    high: float
    behind: float | None
    behind_low: float | None
    behind_high: float | None


@dataclass(frozen=True)
class Risk:
    """Whether what is known may do harm: the winner against the same network from scratch.

    Args:
        verdict: `positive transfer`, `none shown` or `negative transfer`, at the tournament's length; a gain
            over a scratch that was cut short `cannot be told`.
        gain: Accuracy of the winner minus that from scratch, on validation samples.
        low: Of its paired 95 % interval over samples.
        high: The same.
        epochs: That scratch ran.
        winner_epochs: That the other ran: a head alone is trained in full; None in answers of before.
    """

    verdict: str
    gain: float
    low: float
    high: float
    epochs: int
    winner_epochs: int | None = None


@dataclass(frozen=True)
class AdviseResult:
    """The answer of `tlx advise`.

    Args:
        recommended_model: By its words.
        strategy: The words that choose the recommended one.
        regularizer: Its name, or `none`.
        rate_scale: What the strategy's rates are to be multiplied by.
        words: Of a command line that begins the recommended run; empty where words cannot say it.
        reasons: Why, each a sentence.
        figure: What selected.
        target: What the data holds.
        guides: What rules of thumb say.
        models: Scores of the candidates.
        probe: Of the recommended model.
        distance: From the source, where there is one.
        entrants: Runs of the tournament, the longest first and among them the best.
        skipped: What the budget had no room for.
        risk: None where from scratch was not run.
        findings: What may be wrong with the data.
        budget: Seconds.
        spent: Seconds of the tournament.
        trained_on: Training samples of the tournament.
        warnings: What makes the answer less than it looks.
    """

    recommended_model: str
    strategy: str
    regularizer: str
    rate_scale: float
    words: tuple[str, ...]
    reasons: tuple[str, ...]
    figure: str
    target: Target
    guides: tuple[Guide, ...]
    models: RankResult
    probe: ProbeResult
    distance: DistanceResult | None
    entrants: tuple[Entrant, ...]
    skipped: tuple[str, ...]
    risk: Risk | None
    findings: tuple[Noticed, ...]
    budget: float
    spent: float
    trained_on: int
    warnings: tuple[str, ...]

    def figures(self) -> dict[str, float | None]:
        """Of the winner, on the validation samples that selected it, and of its frozen model."""
        won = self.entrants[0].accuracy if self.entrants else None
        return {"val/tournament_accuracy": won, **self.models.neighbour_figure()}

    def texts(self) -> dict[str, str]:
        """What is recommended, and the command, where words can say it."""
        said = {
            "recommended/model": self.recommended_model,
            "recommended/strategy": self.strategy,
            "recommended/regularizer": self.regularizer,
            "recommended/rate_scale": f"{self.rate_scale:g}",
        }
        return said | ({COMMAND: command_line("fit", self.words)} if self.words else {})
