"""What `tlx gain` answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlx.figures import ENDS, FIGURES
from tlx.protocols.comparison.corruptions import Corruptions
from tlx.protocols.comparison.measured import Measured
from tlx.protocols.comparison.saved import Saved

__all__ = ["ArmResult", "Calibration", "GainResult", "Label", "doubts"]


@dataclass(frozen=True)
class Calibration:
    """How far an arm's probabilities are off, means over seeds (Guo et al. 2017, arXiv 1706.04599).

    Args:
        temperatures: Of each seed, fitted on validation samples.
        error: Expected calibration error on the reported samples, of the network's own probabilities.
        calibrated: The same by the temperature.
    """

    temperatures: tuple[float, ...]
    error: float
    calibrated: float


SIDES = {"transfer": "with transfer", "scratch": "from scratch"}


@dataclass(frozen=True)
class ArmResult:
    """One side.

    Args:
        name: `transfer` or `scratch`.
        strategy: What it trained by.
        rate: What its rates were multiplied by; the best by `tuned_on`.
        rates: Each rate with the mean validation figure by which it was chosen.
        values: The reported figure of each seed.
        mean: Of them.
        epochs: That each seed ran.
        seconds: That each seed trained.
        cut_short: Seeds whose best epoch was among their last tenth.
        calibration: Of its probabilities; None of numbers, and where validation samples are reported.
    """

    name: str
    strategy: str
    rate: float
    rates: dict[str, float]
    values: tuple[float, ...]
    mean: float
    epochs: tuple[int, ...]
    seconds: tuple[float, ...]
    cut_short: int
    calibration: Calibration | None = None


@dataclass(frozen=True)
class Label:
    """The pre-trained arm with fewer labels.

    Args:
        per_class: Labels of each class.
        mean: The reported figure, mean over seeds.
        gain: Over scratch with all labels.
        low: Of its paired 95 % interval, over seeds and samples.
        high: The same.
        reaches: Whether it is shown to be no worse by more than the margin: `low` lies above minus that.
    """

    per_class: int
    mean: float
    gain: float
    low: float
    high: float
    reaches: bool


@dataclass(frozen=True)
class GainResult:
    """The answer of `tlx gain`.

    Args:
        figure: What is compared: a figure of `tlx.figures.FIGURES`.
        higher: Whether more of it is better.
        gain: Mean difference in favour of the pre-trained arm.
        low: Of its paired 95 % interval, over seeds and samples.
        high: The same.
        verdict: `positive transfer`, `none shown` or `negative transfer`.
        margin: How far beyond 0 the interval has to lie.
        reported_on: "test" or "val"; the latter chose epochs and rates, and leans to the good side.
        samples: Reported ones.
        seeds: Of the runs of each arm.
        tuned_on: Seeds that chose the rates.
        max_epochs: Of each run.
        transfer: The pre-trained arm.
        scratch: The other.
        majority: The figure of one answer for all samples: the commonest class, of each class the commoner
            answer, of numbers their medians; where a draw made a tie, all labels before it decide; None
            in answers of before of tasks other than one class each.
        neighbours: The figure of nearest neighbours on frozen features, nothing trained; None as above.
        saved: What reaching the same took.
        labels: The pre-trained arm with half the labels, a quarter and so on.
        all_labels: Of each class in full runs, the rarest class.
        also: The same networks on further sets.
        corrupted: The same networks on corrupted images; None where none were asked for.
        warnings: What makes the answer less than it looks.
    """

    figure: str
    higher: bool
    gain: float
    low: float
    high: float
    verdict: str
    margin: float
    reported_on: str
    samples: int
    seeds: tuple[int, ...]
    tuned_on: tuple[int, ...]
    max_epochs: int
    transfer: ArmResult
    scratch: ArmResult
    majority: float | None
    neighbours: float | None
    saved: Saved
    labels: tuple[Label, ...]
    all_labels: int
    also: tuple[Measured, ...]
    corrupted: Corruptions | None
    warnings: tuple[str, ...]

    def figures(self) -> dict[str, float | None]:
        """The gain, its interval and what it is the difference of; of numbers, the error that was saved."""
        share = FIGURES[self.figure].share
        headline = f"{self.reported_on}/{'gain' if share else 'error_saved'}"
        bounds = {f"{headline}{end}": bound for end, bound in zip(ENDS, (self.low, self.high), strict=True)}
        arms = {
            f"{self.reported_on}/with_transfer": self.transfer.mean,
            f"{self.reported_on}/from_scratch": self.scratch.mean,
        }
        return {headline: self.gain, **(arms if share else {}), **bounds}

    def texts(self) -> dict[str, str]:
        """The verdict."""
        return {"verdict": self.verdict}


def doubts(
    reported_on: str,
    scratch: ArmResult,
    transfer: ArmResult,
    constant: float,
    idle: Sequence[str] = (),
    share: bool = True,
) -> tuple[str, ...]:
    """What makes a gain less than it looks.

    Args:
        reported_on: "test" or "val".
        scratch: The arm from random values.
        transfer: The other.
        constant: The figure of one answer for all samples.
        idle: Arms that are not shown to be better than that.
        share: Whether the figure is one of right answers, and not an error of numbers.
    """
    found, number = list[str](), len(scratch.values)
    if reported_on == "val":
        found.append(
            "There is no test split: the samples that chose epochs and rates are reported, "
            "and all figures lean to the good side."
        )
    if scratch.cut_short * 2 > number:
        found.append(
            f"{scratch.cut_short} of {number} runs from scratch were best in the last tenth "
            "of their epochs: with more of them scratch may do better. The gain is that of this budget."
        )
    if idle:
        arms = " and ".join(SIDES[name] for name in idle)
        has, of = ("", "shares of classes") if share else ("an error of ", "the level of the numbers")
        found.append(
            f"What was learnt {arms} is not shown to be better than one answer for all samples, which has "
            f"{has}{constant:.3f}: a gain or a harm may be one of {of}, not of what is known."
        )
    ends = [said for arm in (scratch, transfer) if (said := _end(arm))]
    if ends:
        found.append(f"The best rate {' and '.join(ends)}: one beyond it, by gain.rates, may do better.")
    if number == 1:
        found.append("1 seed: a demonstration. The verdict is on these two runs, and others may differ.")
    elif number < 5:
        found.append(f"{number} seeds: a demonstration. Five or more make the interval worth reading.")
    return tuple(found)


def _end(arm: ArmResult) -> str:
    """Which end of several rates the best one of an arm is, in words; empty where it is none."""
    rates = [float(each) for each in arm.rates]
    ends = {min(rates): "lowest", max(rates): "highest"} if len(rates) > 1 else {}
    return f"{SIDES[arm.name]} is the {ends[arm.rate]} that was tried" if arm.rate in ends else ""
