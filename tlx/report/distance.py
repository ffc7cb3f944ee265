"""The page of `tlx distance`: every distance beside what nothing looks like."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.report.answer import Column, Section, Table, facts_of, write_answer
from tlx.report.canvas import BLUE, MUTED, SHADE, draw
from tlx.report.formats import DASH, count, decimal, label
from tlx.report.run_files import read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["result_lines", "write_page"]

TITLES = {
    "frechet": "Frechet distance",
    "kid": "KID",
    "mmd": "MMD, squared",
    "a_distance": "Proxy A-distance",
    "coral": "CORAL distance",
}
MEANINGS = (
    "Frechet: squared, of both domains as Gaussians (Heusel et al. 2017). KID: unbiased, cubic kernel "
    "(Binkowski et al. 2018). MMD: unbiased, Gaussian kernels at the median distance (Gretton et al. 2012). "
    "Proxy A-distance: 2 - 4 times the held-out error of one fixed classifier, 0 alike and 2 told apart "
    "(Ben-David et al. 2010). CORAL: of the covariances alone (Sun and Saenko 2016). Unbiased ones may be "
    "negative, intervals of Frechet and CORAL end at 0."
)


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The answer for a terminal: the last stage."""
    stage = result["stages"][-1]
    lines = [f"{label(stage['name'])}, {count(stage['dimensions'])} dimensions"]
    for measure in stage["measures"]:
        within = f"within the target {_number(measure['within'])} at {count(measure['size'])} samples"
        p_value = "" if measure["p_value"] is None else f", p {measure['p_value']:.3g}"
        lines.append(
            f"{TITLES[measure['name']]:17} {_number(measure['value'])}{_interval(measure)}; {within}{p_value}"
        )
    return [*lines, *_warnings(stage), *result["warnings"]]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished answer from its result.json.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    last = result["stages"][-1]
    main = next((m for m in last["measures"] if m["name"] == "a_distance"), last["measures"][0])
    return write_answer(
        folder,
        kicker="how far apart are the domains?",
        title=f"{label(result['source'])} to {label(result['data'])}, by {label(result['model'])}",
        headline=_number(main["value"]),
        sentences=[
            f"{TITLES[main['name']]} on stage {label(last['name'])}{_interval(main)}.",
            (
                f"Within the target it is {_number(main['within'])} between halves of "
                f"{count(main['size'])} samples: "
                "that is what nothing looks like at this size."
            ),
        ],
        sections=[
            *([_over_stages(result)] if len(result["stages"]) > 1 else []),
            *(_stage(stage) for stage in reversed(result["stages"])),
        ],
        facts=[
            *facts_of(result),
            ("Source", label(result["source"])),
            ("Source samples", DASH if result["source_samples"] is None else count(result["source_samples"])),
            ("Target samples", count(result["target_samples"])),
        ],
        warnings=[
            *result["warnings"],
            *_warnings(last),
        ],
    )


def _warnings(stage: Mapping[str, Any]) -> list[str]:
    """What makes distances less than they look, once for all of which it is true."""
    named = dict[str, list[str]]()
    for measure in stage["measures"]:
        if measure["warning"]:
            named.setdefault(measure["warning"], []).append(TITLES[measure["name"]])
    return [f"{'; '.join(titles)}: {said}" for said, titles in named.items()]


def _stage(stage: Mapping[str, Any]) -> Section:
    columns = (
        Column("Distance", number=False),
        Column("Value"),
        Column("95 % interval"),
        Column("At half the samples"),
        Column("Within the target"),
        Column("p"),
    )
    rows = [
        [
            TITLES[measure["name"]],
            _number(measure["value"]),
            _interval(measure).strip(" ()") or DASH,
            _number(measure["across"]),
            f"{_number(measure['within'])}, at most {_number(measure['within_high'])}",
            DASH if measure["p_value"] is None else f"{measure['p_value']:.3g}",
        ]
        for measure in stage["measures"]
    ]
    title = f"{label(stage['name'])}, {count(stage['dimensions'])} dimensions"
    return Section(title, tables=[Table(columns, rows)], notes=[MEANINGS])


def _over_stages(result: Mapping[str, Any]) -> Section:
    found = [(s["name"], m) for s in result["stages"] for m in s["measures"] if m["name"] == "a_distance"]
    return Section("Over the stages", plots=[_curve(found)])


def _curve(found: list[tuple[str, Mapping[str, Any]]]) -> Markup:
    def paint(axes: "Axes") -> None:
        places = list(range(len(found)))
        low, high = [measure["low"] for _, measure in found], [measure["high"] for _, measure in found]
        axes.fill_between(places, low, high, color=(*SHADE, 0.2), lw=0)
        axes.plot(
            places, [measure["value"] for _, measure in found], "o-", color=BLUE, label="source to target"
        )
        within = [measure["within"] for _, measure in found]
        axes.plot(places, within, "o", ls=":", color=MUTED, label="within the target")
        axes.set_xticks(places, [label(name, 14) for name, _ in found], rotation=45, ha="right")
        axes.set_ylabel("proxy A-distance")
        axes.legend(loc="best", fontsize=11)

    return draw("proxy A-distance over the stages", paint, 460, 270)


def _interval(measure: Mapping[str, Any]) -> str:
    if measure["low"] is None:
        return ""
    return f" ({_number(measure['low'])} to {_number(measure['high'])})"


def _number(value: Any) -> str:
    """A distance of any size: three decimals, in the hundreds and above none, three digits of small ones.

    >>> _number(0.125), _number(12468.3), _number(0.00012345)
    ('0.125', '12,468', '0.000123')
    """
    if value is None or 0.01 <= abs(value) < 100:
        return decimal(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
