"""Parts of an advice that was never asked for, for tests of what is said of one."""

from typing import Any

from tlx.protocols.distance import DistanceResult, Measure, StageDistance
from tlx.protocols.label_guides import label_guides
from tlx.protocols.probe import ProbeResult, StageProbe
from tlx.protocols.results.advise import AdviseResult, ClassCount, Entrant, Noticed, Risk, Target
from tlx.protocols.results.rank import Candidate, RankResult

SAME = label_guides([20, 20], ("low", "high"))


def entrant(name: str, accuracy: float, **changes: Any) -> Entrant:
    values = {"rate": 1.0, "limit": 3, "epochs": 3, "seconds": 1.0, "parameters": 10, "value": accuracy}
    values |= {"accuracy": accuracy, "low": 0.0, "high": 1.0, "behind": 0.0}
    values |= {"behind_low": None, "behind_high": None} | changes
    return Entrant(name=name, **values)  # type: ignore[arg-type]  # fields of several types by name


def candidate(name: str, logme: float) -> Candidate:
    fields = dict.fromkeys(Candidate.__dataclass_fields__, 0)
    return Candidate(**{**fields, "name": name, "logme": logme})  # type: ignore[arg-type]  # 0 stands for what is not looked at


def models(*names: str) -> RankResult:
    scored = tuple(candidate(name, 1.0 - number) for number, name in enumerate(names))
    return RankResult(scored, names[0], 10, "val", 5, "train", None, (), ("so it is",))


def probe(low_stage: float, last: float) -> ProbeResult:
    stages = tuple(
        StageProbe(name, value, value - 0.05, value + 0.05, 0.5, 4, 1.0, True, value)
        for name, value in (("low", low_stage), ("high", last))
    )
    best = max(stages, key=lambda stage: stage.accuracy).name
    return ProbeResult(stages, best, "val", 100, "train", 20, 80, False, 20, 0.5, ())


TARGET = Target(60, 20, None, tuple(ClassCount(f"<b>{n}", n, 1, None) for n in range(20)), 3.0, 4)
MEASURE = Measure("a_distance", 1.5, 1.4, 1.6, 10, 1.5, 0.125, 0.2, None, None)
DISTANCE = DistanceResult("photo", 60, 60, (StageDistance("high", 4, (MEASURE,)),), ())
FOUND = AdviseResult(
    recommended_model="tiny",
    strategy="strategy=full strategy.epochs=10",
    regularizer="l2sp",
    rate_scale=3.0,
    words=("strategy=full", "data.root=/data/my photos", "rate_scale=3.0"),
    reasons=("it was <i>best</i>",),
    figure="val/accuracy",
    target=TARGET,
    guides=SAME,
    models=models("tiny", "other"),
    probe=probe(0.8, 0.82),
    distance=DISTANCE,
    entrants=(
        entrant("strategy=full strategy.epochs=10", 0.9, behind_low=0.0, behind_high=0.0),
        entrant("strategy=scratch", 0.25, behind=0.65, behind_low=0.5, behind_high=0.8),
        entrant("strategy=lp_ft", 0.5, behind=None),
    ),
    skipped=(),
    risk=Risk("positive transfer", 0.65, 0.5, 0.8, 12),
    findings=(
        Noticed("warn", "val has <u>copies", "take them out"),
        Noticed("ok", "values from 0 to 255", ""),
    ),
    budget=300.0,
    spent=42.0,
    trained_on=60,
    warnings=("so few",),
)
