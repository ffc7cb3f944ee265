"""The page of `tlx probe`: where in the backbone the classes can be told apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.report.answer import Column, Section, Table, facts_of, write_answer
from tlx.report.canvas import BLUE, MUTED, ORANGE, SHADE, draw
from tlx.report.formats import count, label, percent, percent_range, rate
from tlx.report.run_files import read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["result_lines", "stage_curve", "write_page"]

COLUMNS = (
    Column("Stage", number=False),
    Column("Linear probe"),
    Column("95 % interval"),
    Column("Nearest neighbours"),
    Column("Features"),
    Column("Penalty"),
)


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The answer for a terminal."""
    longest = max(len(str(stage["name"])) for stage in result["stages"])
    lines = [
        f"{stage['name']:{longest}}  probe {percent(stage['accuracy'])} ({percent_range(_bounds(stage))})  "
        f"k-NN {percent(stage['neighbours'])}"
        for stage in result["stages"]
    ]
    best = _best(result)
    split = f"{result['reported_on']}, {count(result['reported'])} samples"
    return [*lines, f"best     {best['name']}: {percent(best['accuracy'])} of {split}", *result["warnings"]]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished answer from its result.json.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    best = _best(result)
    return write_answer(
        folder,
        kicker="what the stages of a frozen backbone tell",
        title=f"{label(result['model'])} on {label(result['data'])}",
        headline=percent(best["accuracy"]),
        sentences=[
            (
                f"The linear probe of stage {label(best['name'])}, 95 % interval "
                f"{percent_range(_bounds(best))}: of all stages it told the classes apart best on "
                f"{result['chosen_on']}."
            ),
            (
                f"Of {count(result['reported'])} samples ({result['reported_on']}) that neither fitted nor "
                f"chose anything, not the stage either. {percent(result['majority'])} come from always "
                "naming the commonest class."
            ),
        ],
        sections=[
            Section(
                "Where the classes can be told apart",
                plots=[stage_curve(result)],
                tables=[Table(COLUMNS, [_row(stage) for stage in result["stages"]])],
                notes=[
                    (
                        "Linear probe: logistic regression on standardised features, the mean over the "
                        "positions of each stage. The weight of its penalty was chosen on "
                        f"{result['chosen_on']} ({count(result['chosen'])} samples), never on the reported "
                        "ones. Intervals are Wilson's, of the reported samples."
                    ),
                    f"Nearest neighbours: the vote of {result['k']} fitting samples by cosine.",
                ],
            )
        ],
        facts=[
            *facts_of(result),
            ("Samples that fit", count(result["fitted"])),
            ("Refitted with choosing ones", "yes" if result["refitted"] else "no"),
        ],
        warnings=result["warnings"],
    )


def _best(result: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(s for s in result["stages"] if s["name"] == result["best"])
    return found


def _bounds(stage: Mapping[str, Any]) -> tuple[float, float]:
    return float(stage["low"]), float(stage["high"])


def _row(stage: Mapping[str, Any]) -> list[str]:
    return [
        str(stage["name"]),
        percent(stage["accuracy"]),
        percent_range(_bounds(stage)),
        percent(stage["neighbours"]),
        count(stage["dimensions"]),
        rate(stage["strength"]),
    ]


def stage_curve(result: Mapping[str, Any]) -> Markup:
    """Accuracy of each stage's probe, with its interval, and of nearest neighbours."""
    stages = result["stages"]
    names = [label(stage["name"], 14) for stage in stages]

    def paint(axes: "Axes") -> None:
        places = list(range(len(stages)))
        low, high = zip(*(_bounds(stage) for stage in stages), strict=True)
        axes.fill_between(places, [100 * v for v in low], [100 * v for v in high], color=(*SHADE, 0.2), lw=0)
        axes.plot(places, [100 * s["accuracy"] for s in stages], "o-", color=BLUE, label="linear probe")
        near = [100 * s["neighbours"] for s in stages]
        axes.plot(places, near, "o", ls=(0, (4, 2)), color=ORANGE, label="nearest neighbours")
        axes.axhline(100 * result["majority"], color=MUTED, lw=1, ls=":", label="commonest class")
        axes.set_xticks(
            places, names, rotation=0 if len(names) < 7 else 45, ha="center" if len(names) < 7 else "right"
        )
        axes.set_ylabel("accuracy, %")
        axes.set_xlabel("stage, from the input up")
        axes.legend(loc="best", fontsize=11)

    return draw("accuracy of each stage's probe", paint, 460, 270)
