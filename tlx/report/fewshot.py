"""The page of `tlx fewshot`: curves over labels, and where they cross."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.report.answer import Column, Section, Table, facts_of, write_answer
from tlx.report.canvas import BLUE, INK, MUTED, ORANGE, draw
from tlx.report.formats import count, decimal, label, percent, percent_range
from tlx.report.run_files import read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["result_lines", "write_page"]

STYLES = [(colour, dashes) for dashes in ("solid", (0, (4, 2))) for colour in (BLUE, ORANGE, INK, MUTED)]
BAND = 0.12


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The answer for a terminal."""
    longest = max(len(label(curve["name"])) for curve in result["curves"])
    lines = [
        f"{label(curve['name']):{longest}}  "
        + "  ".join(f"{point['shots']}: {percent(point['mean'])}" for point in curve["points"])
        for curve in result["curves"]
    ]
    return [*lines, *(_said(crossing) for crossing in result["crossings"]), *result["warnings"]]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished answer from its result.json.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    best = result["curves"][0]
    few, many = best["points"][0], best["points"][-1]
    return write_answer(
        folder,
        kicker="how little data is enough?",
        title=f"{label(result['model'])} on {label(result['data'])}",
        headline=label(best["name"]),
        sentences=[
            (
                f"Best over all numbers of labels: {percent(few['mean'])} with {count(few['shots'])} of each "
                f"class, {percent(many['mean'])} with {count(many['shots'])}."
            ),
            *(_said(crossing) for crossing in result["crossings"]),
        ],
        sections=[
            Section(
                "Accuracy against labels per class",
                plots=[_curves(result)],
                tables=[_table(result)],
                notes=[
                    (
                        f"Mean over {len(result['seeds'])} seeds with Student's 95 % interval; each seed "
                        "draws its labels, and a smaller draw is part of a larger one. "
                        f"{count(result['reported'])} samples ({result['reported_on']}). Runs count their "
                        "last epoch, so that no label of validation data is spent; the probe's penalty was "
                        "chosen on at most four further labels of each class."
                    )
                ],
            )
        ],
        facts=[*facts_of(result), ("Seeds", ", ".join(map(str, result["seeds"])))],
        warnings=result["warnings"],
    )


def _said(crossing: Mapping[str, Any]) -> str:
    return (
        f"{label(crossing['above'])} overtakes {label(crossing['below'])} at about "
        f"{crossing['shots']:.3g} labels of each class."
    )


def _table(result: Mapping[str, Any]) -> Table:
    shots = [point["shots"] for point in result["curves"][0]["points"]]
    columns = [
        Column("Arm", number=False),
        *(Column(f"{count(each)} label{'' if each == 1 else 's'}") for each in shots),
        Column("Area"),
    ]
    rows = []
    for curve in result["curves"]:
        cells = [
            percent(point["mean"])
            + ("" if point["low"] is None else f" ({percent_range((point['low'], point['high']))})")
            for point in curve["points"]
        ]
        rows.append([label(curve["name"]), *cells, decimal(curve["area"])])
    return Table(columns, rows, "Area: the mean accuracy over the log of the labels.")


def _curves(result: Mapping[str, Any]) -> Markup:
    def paint(axes: "Axes") -> None:
        for curve, (colour, dashes) in zip(result["curves"], STYLES * len(result["curves"]), strict=False):
            points = curve["points"]
            shots = [point["shots"] for point in points]
            means = [100 * point["mean"] for point in points]
            if points[0]["low"] is not None:
                low, high = ([100 * point[side] for point in points] for side in ("low", "high"))
                axes.fill_between(shots, low, high, color=colour, alpha=BAND, lw=0)
            axes.plot(shots, means, "o", ls=dashes, color=colour, label=label(curve["name"], 30))
        axes.set_xscale("log", base=2)
        axes.set_xticks(shots, [str(each) for each in shots])
        axes.minorticks_off()
        axes.set_xlabel("labels of each class")
        axes.set_ylabel("accuracy, %")
        axes.legend(loc="best", fontsize=11)

    return draw("accuracy against labels per class", paint, 560, 320)
