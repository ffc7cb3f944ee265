"""The figures that tlx reports: what they are called, what they mean, and which way is better."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tlx.errors import unknown_name

__all__ = [
    "COMMAND",
    "ENDS",
    "FIGURES",
    "FORGETTING",
    "LAST_EPOCH",
    "NONE_SHOWN",
    "OF_RUNS",
    "SEQUENCE",
    "TASK_FIGURES",
    "TEXTS",
    "TRAIN_FIGURE",
    "Figure",
    "columns_of",
    "figure_of",
    "figures_of",
    "higher_is_better",
    "is_of_a_run",
    "known",
]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Args:
        title: For tables.
        meaning: What it is, after "val/NAME", "test/NAME" or the bare NAME.
        higher: Whether more is better.
        share: Whether it is a share in [0, 1], shown as a percentage.
        signed: Whether it is a difference of shares, in [-1, 1].
        least: The least value of one that is no share.
        most: The greatest value of such a one.
    """

    title: str
    meaning: str
    higher: bool
    share: bool
    signed: bool = False
    least: float = -math.inf
    most: float = math.inf

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that it can have."""
        return (-1.0 if self.signed else 0.0, 1.0) if self.share else (self.least, self.most)


FIGURES: dict[str, Figure] = {
    "accuracy": Figure("Accuracy", "share that is right: of samples, or of yes and no answers", True, True),
    "f1": Figure("Macro F1", "mean over classes of F1", True, True),
    "average_precision": Figure("Average precision", "mean over classes of average precision", True, True),
    "exact_match": Figure("Exact match", "share of samples whose every answer is right", True, True),
    "mae": Figure("Mean absolute error", "mean absolute error, in the targets' unit", False, False, least=0),
    "rmse": Figure(
        "Root mean square error", "root mean square error, in the targets' unit", False, False, least=0
    ),
    "r2": Figure("R squared", "share of the variance explained, mean over the numbers", True, False, most=1),
    "loss": Figure("Loss", "mean loss, without weights or smoothing", False, False, least=0),
    "calibration_error": Figure("Calibration error", "expected calibration error, 15 bins", False, True),
    "gain": Figure("Transfer gain", "figure with transfer minus the one from scratch", True, True, True),
    "with_transfer": Figure("With transfer", "figure of the pre-trained runs, mean over seeds", True, True),
    "from_scratch": Figure("From scratch", "figure of the runs from random values", True, True),
    "error_saved": Figure("Error saved", "mean error from scratch minus the one with transfer", True, False),
    "gain_low": Figure("Gain, low", "lower bound of its 95 % interval", True, True, True),
    "gain_high": Figure("Gain, high", "upper bound of its 95 % interval", True, True, True),
    "error_saved_low": Figure("Error saved, low", "lower bound of its 95 % interval", True, False),
    "error_saved_high": Figure("Error saved, high", "upper bound of its 95 % interval", True, False),
    "rate_factor": Figure(
        "Rate factor", "of the plan's rates where the loss falls fastest", True, False, least=0
    ),
    "logme": Figure("LogME", "log evidence of the best candidate's features, per sample", True, False),
    "tournament_accuracy": Figure(
        "Tournament accuracy", "accuracy of the best short run, on validation samples", True, True
    ),
    "few_shot_area": Figure("Few-shot area", "mean accuracy over the log of labels, best arm", True, True),
    "probe_accuracy": Figure(
        "Probe accuracy", "accuracy of the linear probe of the best stage or model", True, True
    ),
    "neighbour_accuracy": Figure(
        "k-NN accuracy", "accuracy of nearest neighbours on its features", True, True
    ),
    "a_distance": Figure(
        "Proxy A-distance", "of the domains on the last stage, 0 to 2", False, False, least=-2, most=2
    ),
    "frechet": Figure("Frechet distance", "of the domains on the last stage, squared", False, False, least=0),
    "kid": Figure("KID", "kernel distance of the domains on the last stage", False, False),
    "mmd": Figure("MMD, squared", "mean discrepancy of the domains on the last stage", False, False),
    "coral": Figure("CORAL distance", "of the covariances on the last stage", False, False, least=0),
    "average_accuracy": Figure("Average accuracy", "mean accuracy over the tasks of a sequence", True, True),
    "backward_transfer": Figure("Backward transfer", "what later tasks gave earlier ones", True, True, True),
    "forgetting": Figure(
        "Forgetting", "accuracy on what was known, minus that at the end", False, True, True
    ),
    "forward_transfer": Figure("Forward transfer", "what earlier tasks gave later ones", True, True, True),
}
"""Every figure, by the name behind `val/` and `test/`; one that is of no split has the name alone."""

COMMAND = "recommended/command"
"""Begins the recommended run; too long for the column of a table."""

TEXTS: dict[str, str] = {
    "verdict": "Verdict",
    "greatest_area/arm": "Arm of the greatest area",
    "best/model": "Best model",
    "best/stage": "Best stage",
    "recommended/strategy": "Recommended strategy",
    "recommended/model": "Model",
    "recommended/regularizer": "Regularizer",
    "recommended/rate_scale": "Rates times",
    COMMAND: "Command",
}
"""What questions answer in words, by its key in summary.json, with its title."""

FORGETTING = "source/forgetting"
"""What a run that has a source lost of it."""

MEASURED_ON = ("", "test/", "val/", "held_out/")
"""What stands before a figure of an answer or a sequence: a split, samples held out of train, or nothing."""

SEQUENCE = "sequence"
"""Stands for a task in what is known of a sequence of them."""

TASK_FIGURES: dict[str, tuple[str, ...]] = {
    "multiclass": ("accuracy", "f1", "loss", "calibration_error"),
    "multilabel": ("average_precision", "f1", "accuracy", "exact_match", "loss", "calibration_error"),
    "regression": ("mae", "rmse", "r2", "loss"),
    "gain": (
        "gain",
        "with_transfer",
        "from_scratch",
        "gain_low",
        "gain_high",
        "error_saved",
        "error_saved_low",
        "error_saved_high",
    ),
    "lr": ("rate_factor",),
    "advise": ("tournament_accuracy", "neighbour_accuracy"),
    "distance": ("a_distance", "frechet", "kid", "mmd", "coral"),
    "probe": ("probe_accuracy", "neighbour_accuracy"),
    "fewshot": ("few_shot_area",),
    "rank": ("logme", "neighbour_accuracy", "probe_accuracy"),
    SEQUENCE: ("average_accuracy", "backward_transfer", "forgetting", "forward_transfer"),
}
"""What is measured for each task, of a sequence of them, and by each question; the headline first."""

LAST_EPOCH = "epoch"
"""The monitored value that is the epoch itself: the last one counts, and validation chooses nothing."""

ENDS = ("_low", "_high")
"""Behind the name of an answer's figure: those of the 95 % interval that the answer itself has of it."""

NONE_SHOWN = "none shown"
"""What stands for a name or a verdict where an interval leaves it open."""

TRAIN_FIGURE: dict[str, str] = {"multiclass": "accuracy", "multilabel": "accuracy", "regression": "mae"}
"""The figure that is also taken while training, a mean over samples."""

OF_RUNS = tuple(name for name in FIGURES if any(name in TASK_FIGURES[task] for task in TRAIN_FIGURE))
"""The figures of single runs."""


def figures_of(summary: Mapping[str, object]) -> tuple[str, ...]:
    """The figures of a run, by its summary; those of multiclass where it names no task.

    >>> figures_of({"task": "regression"})[0]
    'mae'
    """
    return TASK_FIGURES.get(str(summary.get("task")), TASK_FIGURES["multiclass"])


def is_of_a_run(summary: Mapping[str, object]) -> bool:
    """Whether a summary is that of a run, not of an answer or a sequence."""
    task = str(summary.get("task"))
    return task in TRAIN_FIGURE or task not in TASK_FIGURES


def columns_of(summary: Mapping[str, object], most: int | None = None) -> list[str]:
    """The keys of summary.json that a sweep compares, the headline first.

    Runs are compared by validation and test figures, whether they have them or not, and by what they
    forgot where they have a source; answers and sequences by those figures that they have, each behind what
    it is measured on.

    >>> columns_of({"task": "regression"}, most=1), columns_of({"task": "rank", "logme": 0.5})
    (['val/mae', 'test/mae'], ['logme'])

    Args:
        summary: With `task`.
        most: So many figures at most, and no ends of an interval; None: all.
    """
    names = figures_of(summary)
    if is_of_a_run(summary):
        compared = [f"{split}/{name}" for name in names[:most] for split in ("val", "test")]
        return [*compared, FORGETTING] if FORGETTING in summary else compared
    found = [f"{split}{name}" for name in names for split in MEASURED_ON if f"{split}{name}" in summary]
    if most is not None:
        found = [key for key in found if not key.endswith(ENDS)][:most]
    return found or [names[0]]


def figure_of(key: str) -> Figure:
    """The figure behind a key of summary.json.

    >>> figure_of("test/mae").title, figure_of("logme").title
    ('Mean absolute error', 'LogME')
    """
    return FIGURES[key.rpartition("/")[2]]


def higher_is_better(monitor: str) -> bool:
    """Whether more is better of a monitored value such as `val/accuracy`, or `epoch`.

    Raises:
        ConfigError: There is no such figure.
    """
    if monitor == LAST_EPOCH:
        return True
    split, _, name = monitor.partition("/")
    if split != "val" or name not in OF_RUNS:
        raise unknown_name("monitor", monitor, [f"val/{figure}" for figure in OF_RUNS])
    return FIGURES[name].higher


def known(value: float) -> float | None:
    """A measured value, or None where there is none, which JSON can hold.

    >>> known(0.5), known(float("nan")), known(float("-inf"))
    (0.5, None, None)
    """
    return value if math.isfinite(value) else None
