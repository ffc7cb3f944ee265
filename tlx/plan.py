"""The plan of a run: which stages train when, and at which rate. Pure data, pure functions.

A strategy compiles to a plan; everything else (freezing, rates, the printed table,
resume) reads it off. The plan and the ledger, the recorded ends of its phases, give the
trainable set and every rate at any position. There is no scheduler that could forget.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from tlx.errors import bad_value, unknown_name

__all__ = [
    "HEAD",
    "Norms",
    "Phase",
    "PhaseEnd",
    "Plan",
    "Schedule",
    "check_norms",
    "ended_by",
    "rate_factor",
    "split_part",
]

HEAD = "head"
"""The name of the task's own head in a plan; it comes after the last stage."""

Schedule = Literal["constant", "cosine", "one_cycle"]

Norms = Literal["train", "affine", "statistics", "all"]
"""What of a backbone's norms is frozen where their stage trains; statistics: by evaluation mode."""


@dataclass(frozen=True)
class PhaseEnd:
    """One line of the ledger: a phase that is over.

    Args:
        epoch: Epochs completed in the whole run when the phase ended.
        step: Optimizer steps taken in the whole run when the phase ended.
        best_epoch: The epoch (counted from 1 over the run) of the phase's best value.
        best: The monitored value at that epoch.
        reason: Why it ended, for people.
        plateau: Whether a plateau ended it; then its best weights came back.
    """

    epoch: int
    step: int
    best_epoch: int
    best: float
    reason: str
    plateau: bool


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one trainable set.

    Args:
        name: For people: "head", "+ layer4".
        trains: Peak rate of every part that trains: a stage (`layer4`), only its norms
            (`layer4:norm`), or `head`. Rates are > 0.
        epochs: The most epochs it lasts, >= 1.
        patience: Epochs without a better monitored value after which a plateau ends it;
            None: it always lasts `epochs`.
        schedule: Shape of the rate over the phase, see `rate_factor`.
        warmup: Share of the phase's steps over which rates rise, in [0, 1).
        reinitialise: Stages that start the phase from random values.
    """

    name: str
    trains: Mapping[str, float]
    epochs: int
    patience: int | None = None
    schedule: Schedule = "cosine"
    warmup: float = 0.0
    reinitialise: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.trains:
            raise bad_value("trains", self.trains, "at least one stage or the head", "add head")
        for part, rate in self.trains.items():
            if not (math.isfinite(rate) and rate > 0):
                raise bad_value(f"rate of {part}", rate, "a number > 0", f"strategy=partial freezes {part}")
            if f"{part}:norm" in self.trains:
                raise bad_value("trains", list(self.trains), f"{part} or {part}:norm, not both")
        if self.epochs < 1:
            raise bad_value("epochs", self.epochs, "a whole number >= 1")
        if self.patience is not None and self.patience < 1:
            raise bad_value("patience", self.patience, "a whole number >= 1, or null for no plateau")
        if self.schedule not in get_args(Schedule):
            raise unknown_name("schedule", self.schedule, get_args(Schedule))
        if not 0 <= self.warmup < 1:
            raise bad_value("warmup", self.warmup, "a share in [0, 1)")

    @property
    def trains_backbone(self) -> bool:
        """Whether anything below the head trains."""
        return any(part != HEAD for part in self.trains)


@dataclass(frozen=True)
class Plan:
    """The phases of a run, over the stages of one backbone.

    Args:
        stages: The backbone's stages, from the input up.
        phases: In order; at least one.
        note: How the plan came about, for people; empty where the strategy's name says it.
        norms: What of the backbone's norms stays frozen where their stage trains, see `Norms`.

    Raises:
        ConfigError: A phase names a stage the backbone does not have, or trains norms that
            `norms` freezes.
    """

    stages: tuple[str, ...]
    phases: tuple[Phase, ...]
    note: str = ""
    norms: Norms = "train"

    def __post_init__(self) -> None:
        if not self.phases:
            raise bad_value("phases", (), "at least one phase")
        known = (*self.stages, HEAD)
        for phase in self.phases:
            for part in (*phase.trains, *phase.reinitialise):
                stage, _ = split_part(part)
                if stage not in known:
                    raise unknown_name("stage", stage, known)
            check_norms(self.norms, phase.trains)

    @property
    def max_epochs(self) -> int:
        """The most epochs the whole run can last."""
        return sum(phase.epochs for phase in self.phases)

    def done(self, ends: Sequence[PhaseEnd]) -> bool:
        """Whether every phase is over."""
        return len(ends) >= len(self.phases)

    def phase(self, ends: Sequence[PhaseEnd]) -> Phase:
        """The phase that runs once those in `ends` are over; the last one when all are."""
        return self.phases[min(len(ends), len(self.phases) - 1)]

    def rates(self, ends: Sequence[PhaseEnd], step: int, steps_per_epoch: int) -> dict[str, float]:
        """The rate of every trainable part at optimizer step `step` of the run.

        Args:
            ends: The ledger.
            step: Optimizer steps taken so far in the whole run, >= the last end's step.
            steps_per_epoch: Optimizer steps in an epoch, >= 1.
        """
        phase = self.phase(ends)
        since = step - (ends[-1].step if ends else 0)
        factor = rate_factor(phase.schedule, since, phase.epochs * steps_per_epoch, phase.warmup)
        return {part: peak * factor for part, peak in phase.trains.items()}

    def frontier(self, ends: Sequence[PhaseEnd]) -> int:
        """How many stages at the bottom are frozen: the length of the frozen prefix."""
        training = {split_part(part)[0] for part in self.phase(ends).trains}
        for depth, stage in enumerate(self.stages):
            if stage in training:
                return depth
        return len(self.stages)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `Plan.from_dict` is the inverse."""
        phases = [_plain(phase) for phase in self.phases]
        return {"stages": list(self.stages), "phases": phases, "note": self.note, "norms": self.norms}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Plan":
        """Build a plan from what `to_dict` gave, also with more said of each phase, or without a note."""
        own = [given.name for given in fields(Phase)]
        bare = ({key: phase[key] for key in own} for phase in plain["phases"])
        phases = (Phase(**{**p, "reinitialise": tuple(p["reinitialise"])}) for p in bare)
        more = {key: plain[key] for key in ("note", "norms") if key in plain}
        return cls(stages=tuple(plain["stages"]), phases=tuple(phases), **more)


def _plain(phase: Phase) -> dict[str, Any]:
    return {**asdict(phase), "trains": dict(phase.trains), "reinitialise": list(phase.reinitialise)}


def split_part(part: str) -> tuple[str, bool]:
    """The stage a part belongs to, and whether only its norms are meant.

    >>> split_part("layer4:norm"), split_part("head")
    (('layer4', True), ('head', False))
    """
    stage, colon, what = part.partition(":")
    if colon and what != "norm":
        raise bad_value("part", part, "a stage, or stage:norm", f"{stage}:norm")
    return stage, bool(colon)


def check_norms(norms: str, parts: Iterable[str]) -> None:
    """Refuse an unknown `norms`, and one that freezes what `parts` ask to train.

    Raises:
        ConfigError: It is one of these.
    """
    if norms not in get_args(Norms):
        raise unknown_name("norms", str(norms), get_args(Norms))
    asked = [part for part in parts if split_part(part)[1]]
    if asked and norms in ("affine", "all"):
        raise bad_value("norms", norms, f"train or statistics, for the plan trains {', '.join(asked[:3])}")


def rate_factor(schedule: Schedule, step: int, steps: int, warmup: float = 0.0) -> float:
    r"""The share of the peak rate at `step` of `steps`, in [0, 1].

    Linear warm-up over the first :math:`w = \lceil\text{warmup} \cdot \text{steps}\rceil` steps,
    :math:`(t+1)/(w+1)`, then

    * ``constant``: 1;
    * ``cosine`` (Loshchilov and Hutter 2017, arXiv 1608.03983, without restarts):
      :math:`\frac12 (1 + \cos(\pi p))` with :math:`p` the share of the rest that is over;
    * ``one_cycle`` (Smith and Topin 2018, arXiv 1708.07120): the rise is a cosine from 1/25
      over `warmup` of the steps (30 % when `warmup` is 0), the fall a cosine to 1/10000.
      Momentum is left alone, a departure from the paper.

    Past the last step the last value holds.

    Args:
        schedule: The shape.
        step: Steps taken in the phase, >= 0.
        steps: Steps in the phase at most, >= 1.
        warmup: Share of `steps` that rises, in [0, 1).

    >>> [round(rate_factor("cosine", t, 4), 3) for t in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    >>> [rate_factor("constant", t, 10, 0.3) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    if schedule == "one_cycle":
        return _one_cycle(step, steps, warmup or 0.3)
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    if schedule == "constant":
        return 1.0
    share = min((step - rising) / max(steps - rising, 1), 1.0)
    return 0.5 * (1 + math.cos(math.pi * share))


def _one_cycle(step: int, steps: int, warmup: float, start: float = 1 / 25, end: float = 1e-4) -> float:
    rising = max(math.ceil(warmup * steps), 1)
    if step < rising:
        low, share = start, 1 - step / rising
    else:
        low, share = end, min((step - rising) / max(steps - rising, 1), 1.0)
    return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * share))


def ended_by(
    phase: Phase, history: Sequence[float], monitor: str, higher_is_better: bool = True
) -> tuple[str, bool] | None:
    """Whether and why a phase is over, from its monitored values alone.

    Args:
        phase: The phase that runs.
        history: The monitored value of each of its epochs so far.
        monitor: The value's name, for the reason.
        higher_is_better: Its direction.

    Returns:
        The reason, and whether it is a plateau; None while the phase goes on. At the last
        epoch of a phase with patience, the length is the reason.

    >>> phase = Phase("head", {"head": 1e-3}, epochs=9, patience=2)
    >>> ended_by(phase, [0.5, 0.7, 0.7, 0.6], "val/accuracy")
    ('no better val/accuracy for 2 epochs', True)
    """
    if phase.patience is not None:
        since_best = len(history) - 1 - best_index(history, higher_is_better)
        if since_best >= phase.patience:
            return f"no better {monitor} for {since_best} {_epochs(since_best)}", True
    if len(history) >= phase.epochs:
        return ("its 1 epoch is over" if phase.epochs == 1 else f"its {phase.epochs} epochs are over"), False
    return None


def best_index(history: Sequence[float], higher_is_better: bool = True) -> int:
    """The first position of the best value; a value that is not a number never wins.

    >>> best_index([float("nan"), 0.4, 0.9, 0.9])
    2
    """
    sign = 1.0 if higher_is_better else -1.0
    scores = [sign * value if math.isfinite(value) else -math.inf for value in history]
    return scores.index(max(scores)) if scores else 0


def _epochs(count: int) -> str:
    return "epoch" if count == 1 else "epochs"
