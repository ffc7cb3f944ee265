"""The gain on several sets of samples: a table of them, and what corruptions leave of both arms."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.figures import FIGURES
from tlx.report.answer import Column, Section, Table
from tlx.report.canvas import BLUE, MUTED, ORANGE, RULE, draw
from tlx.report.formats import count, decimal, figure, points, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ARMS", "bounds", "corruptions", "difference", "measured_table"]

ARMS = {"transfer": "Pre-trained", "scratch": "From scratch"}
CLEAN = "as they are"


def difference(name: str, value: float) -> str:
    """A difference of two values of a figure.

    >>> difference("accuracy", 0.5).replace(chr(160), " "), difference("mae", 0.5)
    ('50.0 points', '0.500')
    """
    return points(value) if FIGURES[name].share else decimal(value)


def bounds(name: str, of: Mapping[str, Any]) -> str:
    """The interval of a difference, by its keys `low` and `high`."""
    return f"{difference(name, of['low'])} to {difference(name, of['high'])}"


def measured_table(
    name: str, found: Sequence[tuple[str, Mapping[str, Any]]], title: str = "Samples"
) -> Table:
    """Both arms, the gain, its interval and its verdict, a set of samples a row.

    Args:
        name: The figure.
        found: What each set is called, and the gain on it.
        title: Of the first column.
    """
    columns = (
        Column(title, number=False),
        Column(ARMS["transfer"]),
        Column(ARMS["scratch"]),
        Column("Gain"),
        Column("95 % interval"),
        Column("Verdict", number=False),
    )
    rows = [
        [
            called,
            figure(name, each["transfer"]),
            figure(name, each["scratch"]),
            difference(name, each["gain"]),
            bounds(name, each),
            each["verdict"],
        ]
        for called, each in found
    ]
    return Table(columns, rows)


def corruptions(result: Mapping[str, Any]) -> list[Section]:
    """Both arms on corrupted images; nothing where none were asked for."""
    corrupted = result.get("corrupted")
    if not corrupted:
        return []
    name, mean = result["figure"], corrupted["mean"]
    clean = dict(result) | {arm: result[arm]["mean"] for arm in ARMS}
    each = [(words(one["name"]), one) for one in corrupted["each"]]
    rows = [(CLEAN, clean), *each, ("mean of the corruptions", mean)]
    number, left = len(each), [words(one) for one in corrupted["unchanged"]]
    said = (
        f"The networks learnt from clean images and are asked about {count(mean['samples'])} corrupted ones "
        f"({result['reported_on']}), by {number} corruption{'s' if number > 1 else ''} of Hendrycks and "
        f"Dietterich 2019 at severity {corrupted['severity']} of 5; the mean is taken sample by sample."
    )
    notes = [said]
    if left:
        out = ", and the mean leaves them out" if len(left) < number else ""
        said = "By {} hardly a pixel changes, of images that are so small or without colours{}."
        notes.append(said.format(", ".join(left), out))
    return [
        Section(
            "The same networks on corrupted images",
            plots=[_pairs(name, [(CLEAN, clean), *each])],
            tables=[measured_table(name, rows, "Images")],
            notes=notes,
        )
    ]


def _pairs(name: str, found: Sequence[tuple[str, Mapping[str, Any]]]) -> Markup:
    """Both arms in a row for each set, the first one set apart."""
    factor = 100 if FIGURES[name].share else 1
    places = [float(place + (place > 0) * 0.4) for place in range(len(found))]

    def paint(axes: "Axes") -> None:
        arms = {arm: [factor * each[arm] for _, each in found] for arm in ARMS}
        axes.hlines(places, arms["scratch"], arms["transfer"], color=MUTED, linewidth=1.2)
        for arm, colour in (("transfer", BLUE), ("scratch", ORANGE)):
            axes.plot(arms[arm], places, "o", color=colour, markersize=6.5, label=ARMS[arm])
        axes.axhline(0.7, color=RULE, linewidth=0.8)
        axes.set_yticks(places, [called for called, _ in found])
        axes.set_ylim(places[-1] + 0.6, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"{words(name)}{', %' if factor > 1 else ''}")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2, handletextpad=0.2)

    return draw("both arms on clean and corrupted images", paint, height=80 + 28 * len(found))
