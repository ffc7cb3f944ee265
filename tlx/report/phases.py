"""The phases of a run as people read them: what trained when, and why it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tlx.figures import LAST_EPOCH
from tlx.plan import HEAD, Phase, Plan, split_part
from tlx.report.formats import DASH, count, decimal, finite, label, millions, percent, rate
from tlx.report.run_files import RunFiles

__all__ = ["PhaseRow", "Span", "phase_rows", "phase_spans", "remarks", "runs_of"]

Line: TypeAlias = tuple[list[str], tuple[bool, str]]
"""Stages that share a line of the table, whether only their norms train, and their rate."""

MOST_LINES = 5
FROZEN_NORMS = {
    "affine": "weights and biases stay frozen, running statistics follow the batches",
    "statistics": "running statistics stay frozen (evaluation mode), weights and biases train",
    "all": "weights, biases and running statistics stay frozen",
}


@dataclass(frozen=True)
class Span:
    """The epochs a phase was seen in, first and last included."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class PhaseRow:
    """One line of the table of phases; every field but `trains` is text."""

    number: int
    name: str
    epochs: str
    limit: str
    trains: tuple[tuple[str, str], ...]  # parts, their peak rate
    frozen: str
    fresh: str  # the parts that start from random values
    schedule: str
    augments: str
    parameters: str
    best: str
    ended: str


def phase_spans(run: RunFiles) -> list[Span]:
    """Where each phase lies on the axis of epochs, from metrics.csv."""
    names = [str(phase.get("name", "")) for phase in run.plan.get("phases", [])]
    spans: list[Span] = []
    seen: list[int] = []
    for row in run.metrics:
        epoch, phase = int(row["epoch"]), int(finite(row.get("phase")) or 0)
        if seen and seen[-1] == phase:
            spans[-1] = Span(spans[-1].name, spans[-1].first, epoch)
        else:
            name = names[phase] if 0 <= phase < len(names) else f"phase {phase + 1}"
            spans.append(Span(name, epoch, epoch))
            seen.append(phase)
    return spans


def phase_rows(run: RunFiles) -> list[PhaseRow]:
    """The table of phases, from plan.json, phases.json and metrics.csv.

    Raises:
        ConfigError, KeyError, TypeError, ValueError: plan.json holds no plan.
    """
    plan = _plan(run)
    return [_row(run, plan, number) for number in range(len(plan.phases))]


def remarks(plan: RunFiles | Plan) -> list[str]:
    """What is to be said of a whole plan: how it came about, and which norms it leaves alone.

    Args:
        plan: The plan, or the files of a run that hold it.

    Raises:
        ConfigError, KeyError, TypeError, ValueError: plan.json holds no plan.
    """
    found = plan if isinstance(plan, Plan) else _plan(plan)
    norms = FROZEN_NORMS.get(found.norms)
    said = f"norms={found.norms}: in the stages of the backbone that train, norms' {norms}" if norms else ""
    return [line for line in (found.note, said) if line]


def _plan(run: RunFiles) -> Plan:
    return Plan.from_dict(run.plan)


def _row(run: RunFiles, plan: Plan, number: int) -> PhaseRow:
    phase, raw = plan.phases[number], run.plan["phases"][number]
    parts = [*plan.stages, HEAD]
    by_stage = {split_part(part)[0]: (part, peak) for part, peak in phase.trains.items()}
    frozen = [part for part in parts if part not in by_stage]
    end: Mapping[str, Any] = next((line for line in run.phases if line.get("phase") == number), {})
    return PhaseRow(
        number=number + 1,
        name=label(phase.name, 40),
        epochs=_epochs(run, number, end),
        limit=_limit(phase.epochs, phase.patience),
        trains=_trains(parts, by_stage),
        frozen=", ".join(runs_of(frozen, parts)) or "nothing",
        fresh=", ".join(runs_of([part for part in parts if part in phase.reinitialise], parts)),
        schedule=_schedule(phase),
        augments="on" if raw.get("augment") else "none",
        parameters=_parameters(raw.get("parameters"), run.plan.get("total_parameters")),
        best=_best(run, end),
        ended=_ended(run, number, end),
    )


def _trains(parts: Sequence[str], by_stage: Mapping[str, tuple[str, float]]) -> tuple[tuple[str, str], ...]:
    """The parts that train from the top down, neighbours with the same rate as one."""
    lines: list[Line] = []
    for stage in (part for part in parts if part in by_stage):
        part, peak = by_stage[stage]
        kind = (split_part(part)[1], rate(peak))
        if lines and lines[-1][1] == kind and parts.index(stage) == parts.index(lines[-1][0][-1]) + 1:
            lines[-1][0].append(stage)
        else:
            lines.append(([stage], kind))
    if len(lines) > MOST_LINES:
        lines = _merged(lines, parts)
    return tuple(
        (", ".join(runs_of(stages, parts)) + (" (norms only)" if norms else ""), shown)
        for stages, (norms, shown) in reversed(lines)
    )


def _merged(lines: list[Line], parts: Sequence[str]) -> list[Line]:
    """Neighbouring stages as one line with the first and the last of their rates; the head stays alone."""
    merged: list[Line] = []
    for stages, (norms, shown) in lines:
        before = merged[-1] if merged else ([], (norms, shown))
        follows = before[0] and parts.index(stages[0]) == parts.index(before[0][-1]) + 1
        if follows and HEAD not in stages and before[1][0] == norms:
            rates = before[1][1].split(" to ")[0] + f" to {shown}"
            merged[-1] = ([*before[0], *stages], (norms, rates))
        else:
            merged.append((stages, (norms, shown)))
    return merged


def runs_of(some: Sequence[str], all_parts: Sequence[str]) -> list[str]:
    """Names in order, three or more neighbours written as first-last.

    >>> [name.replace(DASH, "-") for name in runs_of(["a", "b", "c", "e"], ["a", "b", "c", "d", "e"])]
    ['a-c', 'e']
    """
    stretches: list[list[str]] = []
    for position, part in enumerate(all_parts):
        if part not in some:
            continue
        if stretches and position and all_parts[position - 1] == stretches[-1][-1]:
            stretches[-1].append(part)
        else:
            stretches.append([part])
    names: list[str] = []
    for stretch in stretches:
        short = [label(part, 30) for part in stretch]
        names += [f"{short[0]}{DASH}{short[-1]}"] if len(short) > 2 else short
    return names


def _schedule(phase: Phase) -> str:
    shape = phase.schedule.replace("_", "-")
    return f"{shape}, warm-up {percent(phase.warmup, 0)}" if phase.warmup else shape


def _limit(epochs: int, patience: int | None) -> str:
    most = f"at most {epochs}"
    return most if patience is None else f"{most}, or {patience} without a better one"


def _epochs(run: RunFiles, number: int, end: Mapping[str, Any]) -> str:
    own = [int(row["epoch"]) for row in run.metrics if row.get("phase") == number]
    first = end.get("first_epoch", min(own, default=None))
    last = end.get("last_epoch", max(own, default=None))
    if first is None or last is None:
        return "none"
    return count(first) if first == last else f"{count(first)}{DASH}{count(last)}"


def _parameters(trainable: Any, total: Any) -> str:
    number, whole = finite(trainable), finite(total)
    if number is None or not whole:
        return millions(trainable)
    return f"{millions(number)} ({percent(number / whole, 0 if number / whole >= 0.1 else 2)})"


def _best(run: RunFiles, end: Mapping[str, Any]) -> str:
    if finite(end.get("best")) is None:
        return ""
    if run.monitor == LAST_EPOCH:
        return ""
    return f"best {run.monitor} {decimal(end['best'])} at epoch {count(end.get('best_epoch'))}"


def _ended(run: RunFiles, number: int, end: Mapping[str, Any]) -> str:
    if end:
        back = "; its best weights came back" if end.get("plateau") else ""
        return label(end.get("reason", "not written down"), 200) + back
    if number > len(run.phases) or not run.metrics:
        return "not reached"
    return "not over: it is running" if run.status == "running" else "not over"
