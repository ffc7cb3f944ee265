"""A result file as tables: for the terminal and for the README. Pure functions of the file's content."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.bench.cases import Case, Row, cases
from scripts.bench.ratios import Ratio, paired, speed

__all__ = ["Line", "caption", "greatest_difference", "lines", "markdown", "report"]

STARTUP_GOALS = {"help": 0.1, "compose": 0.5}
SWEEP_GOALS = {"lightning": 15.0}


@dataclass(frozen=True)
class Line:
    """A row of a case, held against tlx.

    Args:
        case: For people.
        row: What ran.
        batches: Mean CPU seconds from the first to the last batch; None where only the process counts.
        process: Mean CPU seconds of the whole process.
        ratio: Its CPU seconds from first to last batch over those of tlx.
        whole: The same of the whole processes.
        difference: Greatest difference of a mean epoch loss from that of tlx, where both compute the same.
        note: What else a reader must know.
    """

    case: str
    row: Row
    batches: float | None
    process: float
    ratio: Ratio | None
    whole: Ratio | None
    difference: float | None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        found = self.ratio if self.batches is not None else self.whole
        return None if self.row.goal is None or found is None else found.mean >= self.row.goal

    @property
    def verdict(self) -> str:
        """Of the goal, for people: an interval that reaches below it shows it of the mean alone."""
        found = self.ratio if self.batches is not None else self.whole
        if self.row.goal is None or found is None:
            return ""
        said = speed(found, self.row.goal)
        return f"{self.row.goal:g}: {'reached once' if found.pairs == 1 and said != 'missed' else said}"


def lines(result: dict[str, Any]) -> Iterator[Line]:
    """Every row that was measured, in the order of the cases."""
    for case in cases(result["epochs"], result["full_epochs"]).values():
        if case.name == "startup":
            continue
        for row in case.rows:
            whole = _seconds(result, case.name, row.name, "process")
            if not whole:
                continue
            batches = _seconds(result, case.name, row.name, "batches")
            yield Line(
                case.title,
                row,
                _mean(batches) if batches else None,
                _mean(whole),
                paired(batches, _seconds(result, case.name, "tlx", "batches")),
                paired(whole, _seconds(result, case.name, "tlx", "process")),
                greatest_difference(result, case.name, row.name) if row.same else None,
            )
        if case.name == "sweep":
            yield from _scaled(result, case)


def greatest_difference(result: dict[str, Any], case: str, row: str) -> float | None:
    """Between the epoch losses of a row and those of tlx; None where either is missing."""
    losses = {
        (run["row"], run["repetition"]): run["losses"]
        for run in result["runs"]
        if run["case"] == case and run.get("losses")
    }
    both = [n for name, n in losses if name == row and ("tlx", n) in losses]
    pairs = [pair for n in both for pair in zip(losses[row, n], losses["tlx", n], strict=True)]
    return float(max(abs(one - other) for one, other in pairs)) if pairs else None


def report(result: dict[str, Any]) -> str:
    """All of it, for the terminal."""
    said = [markdown(result), caption(result)]
    said += [f"failed {run['case']} {run['row']}: {run['said']}" for run in result["failed"]]
    return "\n".join(said)


def caption(result: dict[str, Any]) -> str:
    """On what it was measured, and what was not measured there."""
    material, where = result["material"], result["processor"]
    versions = {name: text for run in result["runs"] for name, text in run.get("versions", {}).items()}
    counts = {(run["case"], run["row"]): run["repetition"] + 1 for run in result["runs"]}
    most = max((count for (case, _), count in counts.items() if case != "startup"), default=1)
    skipped = "".join(f" Left out, {', '.join(names)}: {why}." for why, names in _reasons(result).items())
    flags = ", ".join(where["flags"]) or "none of AVX2, AVX-512, AMX"
    return (
        f"{result['date']}, {where['name']} ({flags}), one thread; "
        f"{material['train']} photos to train and {material['val']} to validate after every epoch, "
        f"{material['mean_bytes'] / 1000:.0f} kB each; {most} repetition{'' if most == 1 else 's'} at most, "
        "an interval where there are two or more; "
        + ", ".join(f"{name} {text}" for name, text in sorted(versions.items()) if name != "tlx")
        + f"; commit {result['commit']}.{_surroundings(result)}{skipped}"
    )


def _surroundings(result: dict[str, Any]) -> str:
    """What else the machine did."""
    at_once = "" if result["at_once"] == 1 else f" {result['at_once']} rows ran at once."
    return at_once + (f" {result['surroundings']}" if "surroundings" in result else "")


def _reasons(result: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, why in result["skipped"].items():
        found.setdefault(why, []).append(name)
    return found


def markdown(result: dict[str, Any]) -> str:
    """The table of ratios, and below it the start-up times."""
    head = [
        "| task | peer | setting | augmentation | CPU s | ratio | whole process | goal | loss differs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    said = [_said(line) for line in lines(result)]
    return "\n".join([*head, *said, *_startup(result)])


def _said(line: Line) -> str:
    is_tlx = line.row.peer == "tlx"
    cells = [
        line.case,
        f"**{line.row.peer}**" if is_tlx else line.row.peer,
        line.row.setting + line.note,
        line.row.augmentation,
        "" if line.batches is None else f"{line.batches:.1f}",
        "" if is_tlx or line.ratio is None else str(line.ratio),
        f"{line.process:.1f} s" if is_tlx or line.whole is None else str(line.whole),
        line.verdict,
        "" if line.difference is None else f"{line.difference:.1g}",
    ]
    return f"| {' | '.join(cells)} |"


def _scaled(result: dict[str, Any], case: Case) -> Iterator[Line]:
    """Peers that train each run from the start: their process of the head case, as often as there are runs.

    A seed changes their order and not their work.
    """
    runs, sweep = result["sweep_runs"], _seconds(result, case.name, "tlx", "process")
    rows = cases(result["epochs"], result["full_epochs"])["head"].rows
    for row in rows:
        one = _seconds(result, "head", row.name, "process")
        if row.peer == "tlx" or not one or not sweep:
            continue
        all_of_them = {repetition: runs * seconds for repetition, seconds in one.items()}
        goal = Row(**{**row.__dict__, "goal": SWEEP_GOALS.get(row.name), "same": False})
        note = f" ({runs} times its process of the first task)"
        yield Line(case.title, goal, None, _mean(all_of_them), None, paired(all_of_them, sweep), None, note)


def _startup(result: dict[str, Any]) -> list[str]:
    said = []
    for row in cases()["startup"].rows:
        seconds = _seconds(result, "startup", row.name, "process")
        if seconds:
            middle, goal = sorted(seconds.values())[len(seconds) // 2], STARTUP_GOALS[row.name]
            verdict = "reached" if middle <= goal else "missed"
            said.append(
                f"| start-up | **tlx** | `{row.setting}` | | | | {middle:.2f} s | {goal:g} s: {verdict} | |"
            )
    return said


def _seconds(result: dict[str, Any], case: str, row: str, what: str) -> dict[int, float]:
    runs = [run for run in result["runs"] if run["case"] == case and run["row"] == row and what in run]
    return {run["repetition"]: float(run[what]) for run in runs}


def _mean(values: dict[int, float]) -> float:
    return sum(values.values()) / len(values)
