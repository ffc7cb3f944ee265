"""The page of `tlx fewshot`: curves over labels, and where they cross."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.report.answer import Column, Section, Table, facts_of, write_answer
from tlx.report.canvas import BLUE, INK, MUTED, ORANGE, draw
from tlx.report.formats import LONG_NAME, count, decimal, label, percent, percent_range
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
    said = [_best(result), *(_said(crossing) for crossing in result["crossings"])]
    return [*lines, *said, *result["warnings"]]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished answer from its result.json.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    return write_answer(
        folder,
        kicker="how little data is enough?",
        title=f"{label(result['model'])} on {label(result['data'])}",
        headline="not told apart" if _near(result) else label(result["curves"][0]["name"], LONG_NAME),
        sentences=[_best(result), *(_said(crossing) for crossing in result["crossings"])],
        sections=[
            Section(
                "Accuracy against labels per class",
                plots=[_curves(result)],
                tables=[_table(result)],
                notes=[
                    (
                        f"Mean over {len(result['seeds'])} seeds with Student's 95 % interval, or where all "
                        "seeds say the same with that of the samples; each seed draws its labels, and a "
                        "smaller draw is part of a larger one. "
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


def _near(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The curves that may be as good as the first; answers of before do not know."""
    compared = [curve for curve in result["curves"][1:] if "behind_low" in curve]
    return [curve for curve in compared if curve["behind_low"] is None or curve["behind_low"] <= 0]


def _best(result: Mapping[str, Any]) -> str:
    best, near = result["curves"][0], _near(result)
    few, many = best["points"][0], best["points"][-1]
    reached = (
        f"{percent(few['mean'])} with {count(few['shots'])} of each class, {percent(many['mean'])} with "
        f"{count(many['shots'])}"
    )
    if not near:
        return f"Best over all numbers of labels: {label(best['name'], LONG_NAME)}, {reached}."
    beside = "; ".join(f"{label(curve['name'], LONG_NAME)} ({_behind(curve)})" for curve in near)
    return (
        f"The greatest area is that of {label(best['name'], LONG_NAME)}, {reached}. At these seeds it cannot "
        f"be told apart from {beside}."
    )


def _behind(curve: Mapping[str, Any]) -> str:
    said = f"difference of areas {decimal(curve['behind'])}"
    if curve["behind_low"] is None:
        return f"{said}, without an interval"
    return f"{said}, 95 % interval {decimal(curve['behind_low'])} to {decimal(curve['behind_high'])}"


def _said(crossing: Mapping[str, Any]) -> str:
    doubt = ""
    if not crossing.get("told_apart", True):
        doubt = ", which may be chance: before it or behind it the two are not told apart at these seeds"
    above, below = (label(crossing[side], LONG_NAME) for side in ("above", "below"))
    return f"{above} overtakes {below} {_where(crossing)}{doubt}."


def _where(crossing: Mapping[str, Any]) -> str:
    """Between which measured numbers of labels; of answers of before, about where."""
    about, first, last = round(crossing["shots"]), crossing.get("first"), crossing.get("last")
    if first is None or last is None:
        return f"at about {count(about)} labels of each class (interpolated)"
    if first == last:
        return f"at {count(first)} labels of each class"
    inside = f" (about {count(about)}, interpolated)" if first < about < last else ""
    return f"between {count(first)} and {count(last)} labels of each class{inside}"


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
        rows.append([label(curve["name"], LONG_NAME), *cells, decimal(curve["area"])])
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
            axes.plot(shots, means, "o", ls=dashes, color=colour, label=label(curve["name"], 48))
        axes.set_xscale("log", base=2)
        axes.set_xticks(shots, [str(each) for each in shots])
        axes.minorticks_off()
        axes.set_xlabel("labels of each class")
        axes.set_ylabel("accuracy, %")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)

    height = 270 + 19 * len(result["curves"])
    return draw("accuracy against labels per class", paint, 460, height)
