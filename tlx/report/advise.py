"""The page of `tlx advise`: what to do, the command, and what the advice rests on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.command_line import SCRATCH, command_line
from tlx.report.answer import Column, Section, Table, facts_of, write_answer
from tlx.report.canvas import BLUE, INK, MUTED, ORANGE, draw
from tlx.report.formats import DASH, count, decimal, duration, label, percent, percent_range, points
from tlx.report.probe import stage_curve
from tlx.report.run_files import read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["result_lines", "write_page"]

CLASSES = 12
"""Shown one by one, the largest first."""

RISKS = {
    "positive transfer": "Knowing helps here",
    "cannot be told": "Whether knowing helps cannot be told, for scratch was cut short",
    "none shown": "Neither help nor harm of knowing is shown",
    "negative transfer": "Knowing does harm here",
}


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The answer for a terminal."""
    noticed = [found for found in result["findings"] if found["level"] != "ok"]
    lines = [
        f"model        {label(result['recommended_model'])}",
        f"strategy     {_plain(result['strategy'])}" + _rates(result["rate_scale"]),
        f"regularizer  {result['regularizer']}",
        *(f"why          {line}" for line in result["reasons"]),
    ]
    if result["risk"]:
        lines.append(f"risk         {_risk(result['risk'])}")
    lines += [f"{found['level']:12} {found['what']}. Try: {found['fix']}" for found in noticed]
    return [*lines, *result["warnings"], f"next         {_command(result)}"]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished answer from its result.json.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    regularizer = "" if result["regularizer"] == "none" else f", held by {result['regularizer']}"
    return write_answer(
        folder,
        kicker="what to do",
        title=f"{label(result['model'])} on {label(result['data'])}",
        headline=_plain(result["strategy"]).replace("_", " ") + regularizer,
        sentences=result["reasons"],
        command=_command(result),
        sections=[
            _tournament(result),
            _noticed(result),
            _target(result),
            _knowledge(result),
            *_distance(result),
        ],
        facts=[
            *facts_of(result),
            ("Budget", duration(result["budget"])),
            ("Tournament", duration(result["spent"])),
            ("Trained on", f"{count(result['trained_on'])} samples"),
        ],
        warnings=result["warnings"],
    )


def _command(result: Mapping[str, Any]) -> str:
    if not result["words"]:
        said = " ".join([result["strategy"], f"regularizer={result['regularizer']}"])
        return f"tlx fit with your own model or data, and {said} rate_scale={result['rate_scale']:g}"
    return command_line("fit", result["words"])


def _plain(name: str) -> str:
    return label(name.replace("strategy=", "", 1).replace("strategy.", ""))


def _rates(rate: float) -> str:
    return "" if rate == 1 else f", rates times {rate:g}"


def _risk(risk: Mapping[str, Any]) -> str:
    bounds = f"{points(risk['low'])} to {points(risk['high'])}"
    return (
        f"{RISKS[risk['verdict']]}: {points(risk['gain'])} over the same network from scratch, 95 % interval "
        f"{bounds}, after {_lengths(risk)}"
    )


def _lengths(risk: Mapping[str, Any]) -> str:
    """Epochs of both runs, where they differ; answers of before know those from scratch."""
    scratch, known = risk["epochs"], risk.get("winner_epochs") or risk["epochs"]
    said = f"{count(known)} epoch{'' if known == 1 else 's'}"
    return said if known == scratch else f"{said} against {count(scratch)} from scratch"


def _tournament(result: Mapping[str, Any]) -> Section:
    columns = (
        Column("Run", number=False),
        Column("Accuracy"),
        Column("95 % interval"),
        Column("Points behind"),
        Column("Epochs"),
        Column("Weights that train"),
        Column("Time"),
    )
    rows = [
        [
            _plain(each["name"]) + _rates(each["rate"]),
            percent(each["accuracy"]),
            percent_range((each["low"], each["high"])),
            _behind(each),
            count(each["epochs"]),
            count(each["parameters"]),
            duration(each["seconds"]),
        ]
        for each in result["entrants"]
    ]
    notes = [
        (
            "Accuracy on the validation samples. In the first round all train for a few epochs, the head "
            "alone in full, in the second the better half for three times as many; then the winner at other "
            "rates and with regularizers. Points behind the best: on the same samples, with their paired "
            "95 % interval; a dash where a run is of another length."
        )
    ]
    if result["risk"]:
        notes.insert(0, f"{_risk(result['risk'])}.")
    plots = [_race(result)] if len(rows) > 1 else []
    return Section("A tournament of short runs", plots=plots, tables=[Table(columns, rows)], notes=notes)


def _behind(each: Mapping[str, Any]) -> str:
    if each["behind"] is None:
        return DASH
    value, low, high = (decimal(100 * each[key], 1) for key in ("behind", "behind_low", "behind_high"))
    return value if each["behind_low"] == each["behind_high"] else f"{value} ({low} to {high})"


def _race(result: Mapping[str, Any]) -> Markup:
    entrants = result["entrants"]

    def paint(axes: "Axes") -> None:
        for number, each in enumerate(entrants):
            colour = BLUE if number == 0 else ORANGE if each["name"].startswith(SCRATCH) else MUTED
            middle, ends = 100 * each["accuracy"], (100 * each["low"], 100 * each["high"])
            axes.plot([each["seconds"]] * 2, ends, color=colour, lw=1.2, alpha=0.6)
            axes.plot([each["seconds"]], [middle], "o", color=colour, ms=8 if number == 0 else 6)
            if number < 1 or each["name"].startswith(SCRATCH):
                axes.annotate(
                    label(_plain(each["name"]), 24),
                    (each["seconds"], middle),
                    xytext=(7, 4),
                    textcoords="offset points",
                    color=INK,
                    fontsize=10.5,
                )
        axes.set_xlabel("seconds")
        axes.set_ylabel("accuracy, %")
        axes.margins(x=0.15)

    return draw("accuracy of each run of the tournament against its time", paint, 460, 270)


def _noticed(result: Mapping[str, Any]) -> Section:
    named = {"bad": "Bad", "warn": "Look at this", "ok": "Fine"}
    columns = (Column("", number=False), Column("Noticed", number=False), Column("Way out", number=False))
    rows = [[named[found["level"]], found["what"], found["fix"] or DASH] for found in result["findings"]]
    return Section("What was noticed of the data", tables=[Table(columns, rows)])


def _target(result: Mapping[str, Any]) -> Section:
    target = result["target"]
    counts = sorted(target["counts"], key=lambda row: -row["train"])
    columns = (Column("Class", number=False), Column("Train"), Column("Val"), Column("Test"))
    rows = [
        [
            row["name"],
            count(row["train"]),
            count(row["val"]),
            DASH if row["test"] is None else count(row["test"]),
        ]
        for row in counts[:CLASSES]
    ]
    more = (
        f"{count(len(counts) - CLASSES)} smaller classes are in result.json." if len(counts) > CLASSES else ""
    )
    guides = [
        [guide["name"], count(guide["counted"]), guide["rule"], guide["strategy"]]
        for guide in result["guides"]
    ]
    named = (
        Column("Rule of thumb by", number=False),
        Column("Labels"),
        Column("It says", number=False),
        Column("As words", number=False),
    )
    differ = result["guides"][0]["strategy"] != result["guides"][1]["strategy"]
    notes = [
        more,
        _twice(target["duplicates"]),
        (
            "The two rules of thumb differ here; the tournament decides."
            if differ
            else "Both rules of thumb say the same."
        ),
    ]
    return Section(
        "What there is to learn from",
        tables=[Table(named, guides), Table(columns, rows)],
        notes=[note for note in notes if note],
    )


def _twice(duplicates: int | None) -> str:
    if duplicates is None:
        return "Whether training samples are there twice cannot be told of this data."
    return f"Training samples whose exact bytes an earlier one has: {count(duplicates)}."


def _knowledge(result: Mapping[str, Any]) -> Section:
    columns = (
        Column("Model", number=False),
        Column("LogME"),
        Column("LEEP"),
        Column("Nearest neighbours"),
        Column("Weights"),
        Column("A thousand samples"),
    )
    rows = [
        [
            each["name"],
            decimal(each["logme"]),
            DASH if each["leep"] is None else decimal(each["leep"]),
            percent(each["neighbours"]),
            count(each["parameters"]),
            duration(each["seconds"]),
        ]
        for each in result["models"]["candidates"]
    ]
    note = (
        "Scores of frozen features on training samples, and nearest neighbours on held-out ones. The curve: "
        f"a linear probe of every stage of {label(result['recommended_model'])}, on the validation samples."
    )
    return Section(
        "What the weights already tell",
        plots=[stage_curve(result["probe"])],
        tables=[Table(columns, rows)],
        notes=[note],
    )


def _distance(result: Mapping[str, Any]) -> list[Section]:
    if not result["distance"]:
        return []
    stage = result["distance"]["stages"][-1]
    columns = (Column("Distance", number=False), Column("Value"), Column("Within the target"))
    rows = [
        [measure["name"].replace("_", " "), decimal(measure["value"]), decimal(measure["within"])]
        for measure in stage["measures"]
    ]
    source = label(result["distance"]["source"])
    note = f"From {source}, on stage {label(stage['name'])}; tlx distance says more."
    return [Section("How far from the source", tables=[Table(columns, rows)], notes=[note])]
