"""The page of `tlx gain`: whether transfer helped, by how much, and what it saved."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.figures import FIGURES
from tlx.report.answer import Column, Section, Table, facts_of, write_answer
from tlx.report.canvas import BLUE, INK, MUTED, ORANGE, draw
from tlx.report.formats import DASH, count, decimal, duration, figure, label, percent, rate, words
from tlx.report.measured import ARMS, bounds, corruptions, difference, measured_table
from tlx.report.run_files import read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["result_lines", "write_page"]


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The answer for a terminal."""
    lines = [
        (
            f"verdict  {result['verdict']}: {_gain(result, result['gain'])}, 95 % interval "
            f"{_interval(result)}, {_seeds(result)}, {count(result['samples'])} samples "
            f"({result['reported_on']})"
        ),
    ]
    for name, title in ARMS.items():
        arm = result[name]
        lines.append(
            f"{title:13} {words(result['figure'])} {figure(result['figure'], arm['mean'])}, "
            f"{label(arm['strategy'])}, rates times {arm['rate']:g}"
        )
    if result["majority"] is not None:
        lines.append(f"always {_constant(result)}: {figure(result['figure'], result['majority'])}")
        near = figure(result["figure"], result["neighbours"])
        lines.append(f"nearest neighbours on frozen features, nothing trained: {near}")
    return [*lines, *_further(result), *_corrupted(result), *result["warnings"]]


def _further(result: Mapping[str, Any]) -> list[str]:
    return [
        f"on {each['name']}: {each['verdict']}: {_gain(result, each['gain'])}, 95 % interval "
        f"{bounds(result['figure'], each)}, {count(each['samples'])} samples"
        for each in result["also"]
    ]


def _constant(result: Mapping[str, Any]) -> str:
    return "the commonest answer" if FIGURES[result["figure"]].share else "the medians"


def _corrupted(result: Mapping[str, Any]) -> list[str]:
    corrupted = result.get("corrupted")
    if not corrupted:
        return []
    mean, number = corrupted["mean"], len(corrupted["each"])
    number = number - len(corrupted["unchanged"]) or number
    said = (
        f"on corrupted images (mean of {number}, severity {corrupted['severity']}): {mean['verdict']}: "
        f"{_gain(result, mean['gain'])}, 95 % interval {bounds(result['figure'], mean)}"
    )
    return [said]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished answer from its result.json.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    return write_answer(
        folder,
        kicker="did transfer help?",
        title=f"{label(result['model'])} on {label(result['data'])}: {result['verdict']}",
        headline=f"{'+' if result['gain'] > 0 else ''}{_gain(result, result['gain'])}",
        sentences=_sentences(result),
        sections=[
            _arms(result),
            _cost(result),
            *_labels(result),
            *_also(result),
            *corruptions(result),
            *_calibration(result),
        ],
        facts=[
            *facts_of(result),
            ("Seeds", ", ".join(map(str, result["seeds"]))),
            ("Rates chosen on seeds", ", ".join(map(str, result["tuned_on"]))),
            ("Epochs at most", count(result["max_epochs"])),
            ("Margin", _gain(result, result["margin"])),
        ],
        warnings=result["warnings"],
    )


def _sentences(result: Mapping[str, Any]) -> list[str]:
    meanings = {
        "positive transfer": "The whole interval lies beyond the margin: knowing helped.",
        "negative transfer": "The whole interval lies below minus the margin: knowing did harm.",
        "none shown": "The interval reaches into the margin: neither help nor harm is shown.",
    }
    known, scratch = "the pre-trained network", "the same network from random values"
    more, less = (known, scratch) if FIGURES[result["figure"]].higher else (scratch, known)
    return [
        (
            f"{words(result['figure']).capitalize()} of {more} minus that of {less}, 95 % interval "
            f"{_interval(result)}."
        ),
        (
            f"{meanings[result['verdict']]} The margin is {_gain(result, result['margin'])}. "
            f"{_covers(result)}: {_seeds(result)}, {count(result['samples'])} samples "
            f"({result['reported_on']}), paired by both."
        ),
    ]


def _covers(result: Mapping[str, Any]) -> str:
    if len(result["seeds"]) == 1:
        return "The interval is for other samples of the same kind and says nothing of other seeds"
    return "The interval is for other seeds and other samples of the same kind"


def _arms(result: Mapping[str, Any]) -> Section:
    name = result["figure"]
    columns = (
        Column("Arm", number=False),
        Column("Strategy", number=False),
        Column(f"{FIGURES[name].title}, mean"),
        Column("Of each seed"),
        Column("Rates times"),
        Column("Validation at each rate"),
    )
    rows = []
    for key, title in ARMS.items():
        arm = result[key]
        of_rates = ", ".join(f"{factor}: {decimal(value)}" for factor, value in arm["rates"].items())
        values = ", ".join(figure(name, value) for value in arm["values"])
        rows.append(
            [title, label(arm["strategy"]), figure(name, arm["mean"]), values, rate(arm["rate"]), of_rates]
        )
    if result["majority"] is not None:
        rows.append([f"Always {_constant(result)}", DASH, figure(name, result["majority"]), DASH, DASH, DASH])
        near = figure(name, result["neighbours"])
        rows.append(["Nearest neighbours, nothing trained", DASH, near, DASH, DASH, DASH])
    return Section(
        "Both arms, tuned alike",
        plots=[_pairs(result)],
        tables=[Table(columns, rows)],
        notes=["Each arm took its best rate by validation data, of the same grid, on the same seeds."],
    )


def _calibration(result: Mapping[str, Any]) -> list[Section]:
    """Where both arms have probabilities that were calibrated on other samples than are reported."""
    found = {name: result[name].get("calibration") for name in ARMS}
    if not all(found.values()):
        return []
    columns = (
        Column("Arm", number=False),
        Column("Calibration error"),
        Column("By its temperature"),
        Column("Temperatures"),
    )
    rows = [
        [
            ARMS[name],
            percent(each["error"]),
            percent(each["calibrated"]),
            ", ".join(decimal(value, 2) for value in each["temperatures"]),
        ]
        for name, each in found.items()
    ]
    said = (
        "Expected calibration error, mean over seeds: how far the probabilities are from the share that is "
        "right. Temperatures, one for each seed, were fitted on validation samples."
    )
    return [Section("What the probabilities are worth", tables=[Table(columns, rows)], notes=[said])]


def _cost(result: Mapping[str, Any]) -> Section:
    saved = result["saved"]
    columns = (Column("", number=False), Column("Pre-trained"), Column("From scratch"))
    rows = [
        ["Epochs", decimal(saved["transfer_epochs"], 1), decimal(saved["scratch_epochs"], 1)],
        ["Training time", duration(saved["transfer_seconds"]), duration(saved["scratch_seconds"])],
        ["Floating-point operations", _flops(saved["transfer_flops"]), _flops(saved["scratch_flops"])],
    ]
    return Section(
        "What it took to come as far as from scratch",
        tables=[Table(columns, rows)],
        notes=[
            (
                f"Until the validation figure was {decimal(saved['target'])}, the mean of the best ones from "
                f"scratch; {saved['reached']} of {len(result['seeds'])} pre-trained runs reached it. "
                "Operations are counted as if nothing frozen were kept; seconds are what it took with the "
                "frozen part computed once."
            )
        ],
    )


def _labels(result: Mapping[str, Any]) -> list[Section]:
    if not result["labels"]:
        return []
    columns = (
        Column("Labels", number=False),
        Column(f"{FIGURES[result['figure']].title}, pre-trained"),
        Column("Over scratch with all"),
        Column("95 % interval"),
        Column("No worse"),
    )
    rows = [_labels_row(result["figure"], each) for each in result["labels"]]
    reached = [each["per_class"] for each in result["labels"] if each["reaches"]]
    said = (
        f"With {count(min(reached))} labels of each class transfer is shown to be no worse than scratch with "
        f"all of them ({count(result['all_labels'])} of the rarest class): the whole interval lies above "
        "minus the margin."
        if reached
        else "With half the labels transfer is not shown to be as good as scratch with all of them."
    )
    return [Section("Labels saved", tables=[Table(columns, rows)], notes=[said])]


def _labels_row(name: str, each: Mapping[str, Any]) -> list[str]:
    shown = "shown" if each["reaches"] else "not shown"
    cells = [figure(name, each["mean"]), difference(name, each["gain"]), bounds(name, each), shown]
    return [f"{count(each['per_class'])} of each class", *cells]


def _also(result: Mapping[str, Any]) -> list[Section]:
    if not result["also"]:
        return []
    found = [(f"{each['name']} ({count(each['samples'])})", each) for each in result["also"]]
    return [Section("The same networks on other samples", tables=[measured_table(result["figure"], found)])]


def _pairs(result: Mapping[str, Any]) -> Markup:
    """Both figures of every seed, joined."""
    factor = 100 if FIGURES[result["figure"]].share else 1

    def paint(axes: "Axes") -> None:
        for place, name in enumerate(("scratch", "transfer")):
            values = [factor * value for value in result[name]["values"]]
            colour = BLUE if name == "transfer" else ORANGE
            axes.plot([place] * len(values), values, "o", color=colour)
            axes.plot([place - 0.12, place + 0.12], [factor * result[name]["mean"]] * 2, color=INK, lw=2)
        for pair in zip(result["scratch"]["values"], result["transfer"]["values"], strict=True):
            axes.plot([0, 1], [factor * value for value in pair], color=MUTED, lw=0.8)
        axes.set_xticks([0, 1], [ARMS["scratch"], ARMS["transfer"]])
        axes.set_xlim(-0.5, 1.5)
        axes.set_ylabel(f"{words(result['figure'])}{', %' if factor > 1 else ''}")

    return draw("both arms, seed by seed", paint)


def _gain(result: Mapping[str, Any], value: float) -> str:
    return difference(result["figure"], value)


def _interval(result: Mapping[str, Any]) -> str:
    return bounds(result["figure"], result)


def _seeds(result: Mapping[str, Any]) -> str:
    number = len(result["seeds"])
    return f"{number} seed{'s' if number > 1 else ''}"


def _flops(value: Any) -> str:
    return DASH if value is None else re.sub(r"e\+0*", "e", f"{value:.1e}")
