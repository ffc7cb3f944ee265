"""The page of `tlx lr`: the range of rates, and which layers gain from training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from tlx.figures import FIGURES, NONE_SHOWN
from tlx.report.answer import Column, Section, Table, facts_of, write_answer
from tlx.report.canvas import BLUE, INK, ORANGE, SHADE, draw
from tlx.report.formats import DASH, decimal, figure, label, points, rate, words
from tlx.report.run_files import read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["result_lines", "write_page"]

FAINTEST, STRONGEST = 0.05, 0.75


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The answer for a terminal."""
    lines = [_range_said(result)] if result["found"] else []
    for gain in result["gains"]:
        lines.append(
            f"{label(gain['stage'])}: {_gain_said(result, gain)}, best at its rate times {gain['factor']:g}, "
            f"{_words(result, gain)}"
        )
    return [*lines, *result["warnings"]]


def write_page(folder: Path) -> Path:
    """Write report.html of a finished answer from its result.json.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    found, gains = result["found"], result["gains"]
    suggestion = found and found["suggestion"]
    return write_answer(
        folder,
        kicker="which rates, and which layers gain",
        title=f"{label(result['model'])} on {label(result['data'])}",
        headline=_upper_end(result) if suggestion else _best(gains),
        sentences=[
            *([_range_said(result)] if found else []),
            *([_gains_said(result)] if gains else []),
        ],
        sections=[*([_range(result)] if found else []), *([_sweep(result)] if gains else [])],
        facts=[*facts_of(result), ("Seeds of the sweep", ", ".join(map(str, result["seeds"])) or DASH)],
        warnings=result["warnings"],
    )


def _upper_end(result: Mapping[str, Any]) -> str:
    """The factor over the strategy's own rates: a command line's `rate_scale`."""
    given, suggestion = _rate_scale(result), result["found"]["suggestion"]
    return f"rates \u00d7 {rate(suggestion)}" if given == 1 else f"rate_scale={rate(given * suggestion)}"


def _best(gains: Sequence[Mapping[str, Any]]) -> str:
    shown = _shown(gains)
    return label(shown[0]["stage"]) if shown else NONE_SHOWN if gains else DASH


def _shown(gains: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those whose interval lies above 0."""
    return [gain for gain in gains if gain["low"] is not None and gain["low"] > 0]


def _gains_said(result: Mapping[str, Any]) -> str:
    gains = result["gains"]
    if shown := _shown(gains):
        each = (f"{label(gain['stage'])}, {_gain_said(result, gain)}" for gain in shown)
        return f"Shown to gain from training: {'; '.join(each)}."
    alike = [gain for gain in gains if gain["gain"] == gains[0]["gain"]]
    names = ", ".join(label(gain["stage"]) for gain in alike)
    said = _gain_said(result, gains[0])
    return f"No stage is shown to gain from training; the greatest mean is of {names}: {said}."


def _range_said(result: Mapping[str, Any]) -> str:
    found = result["found"]
    if found["suggestion"] is None:
        return f"The loss of phase {label(found['phase'])} never fell in the range of rates."
    given = _rate_scale(result)
    of_given = "" if given == 1 else f" (rate_scale={given:g})"
    beside = ", the stage_rates as given," if _stage_rates(result) else ""
    return (
        f"The loss of phase {label(found['phase'])} falls fastest at the plan's rates{of_given} times "
        f"{rate(found['suggestion'])}: rate_scale={rate(given * found['suggestion'])}{beside} is an upper "
        "end to try."
    )


def _gain_said(result: Mapping[str, Any], gain: Mapping[str, Any]) -> str:
    said = _difference(result, gain["gain"])
    if gain["low"] is None:
        return f"{said} over frozen"
    low, high = (_difference(result, gain[side]) for side in ("low", "high"))
    return f"{said} over frozen (95 % interval {low} to {high})"


def _words(result: Mapping[str, Any], gain: Mapping[str, Any]) -> str:
    """What a command line says for the best factor of a stage, the `stage_rates` given included."""
    rates = _stage_rates(result) | {str(gain["stage"]): _own_rate(result, gain)}
    return f"'stage_rates={{{', '.join(f'{label(stage)}: {each:g}' for stage, each in rates.items())}}}'"


def _own_rate(result: Mapping[str, Any], gain: Mapping[str, Any]) -> float:
    return float(gain["factor"]) * _stage_rates(result).get(str(gain["stage"]), 1.0)


def _rate_scale(result: Mapping[str, Any]) -> float:
    """What was given; answers of before do not say."""
    return float(result.get("rate_scale", 1.0))


def _stage_rates(result: Mapping[str, Any]) -> dict[str, float]:
    """Those that were given; answers of before do not say."""
    return dict(result.get("stage_rates") or {})


def _difference(result: Mapping[str, Any], value: float) -> str:
    return points(value) if _is_share(result) else decimal(value)


def _is_share(result: Mapping[str, Any]) -> bool:
    return FIGURES[_name(result)].share


def _name(result: Mapping[str, Any]) -> str:
    return str(result["figure"]).partition("/")[2]


def _range(result: Mapping[str, Any]) -> Section:
    found = result["found"]
    columns = (Column("Part", number=False), Column("Rate of the plan"), Column("At the steepest fall"))
    at = found["suggestion"] or float("nan")
    rows = [[label(part), rate(each), rate(each * at)] for part, each in found["rates"].items()]
    return Section(
        "Rising rates",
        plots=[_curve(found)],
        tables=[Table(columns, rows)],
        notes=[
            (
                "One step at each factor of all the plan's rates, their ratios kept, on a network that is "
                "thrown away; the loss is smoothed. For transformers the best rate in the end lies well "
                "below the steepest fall."
            )
        ],
    )


def _curve(found: Mapping[str, Any]) -> Markup:
    def paint(axes: "Axes") -> None:
        axes.plot(found["factors"], found["losses"], color=BLUE)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        if max(found["factors"]) < 10 * min(found["factors"]):  # perhaps without a power of ten
            axes.xaxis.set_minor_formatter("{x:g}")
        else:
            axes.minorticks_off()
        if found["suggestion"] is not None:
            axes.axvline(found["suggestion"], color=ORANGE, ls=(0, (4, 2)), label="steepest fall")
            axes.legend(loc="best", fontsize=11)
        axes.set_xlabel("factor of the plan's rates")
        axes.set_ylabel("loss, smoothed")

    return draw("loss over rising rates", paint, 460, 250)


def _sweep(result: Mapping[str, Any]) -> Section:
    columns = (
        Column("Stage", number=False),
        Column("Gain over frozen"),
        Column("95 % interval"),
        Column("Best factor"),
        Column("stage_rates"),
    )
    rows = [
        [
            label(gain["stage"]),
            _difference(result, gain["gain"]),
            DASH
            if gain["low"] is None
            else f"{_difference(result, gain['low'])} to {_difference(result, gain['high'])}",
            f"{gain['factor']:g}",
            f"{_own_rate(result, gain):g}",
        ]
        for gain in result["gains"]
    ]
    factors = {cell["factor"] for cell in result["cells"]} - {0.0}
    chosen = (
        "The best factor was chosen on the figures shown, so its gain leans to the good side. "
        if len(factors) > 1
        else ""
    )
    return Section(
        "One stage's rate varied at a time",
        plots=[_heat_map(result)],
        tables=[Table(columns, rows)],
        notes=[
            (
                f"Validation {words(_name(result))} of the whole plan, all other stages at its rates: "
                f"{figure(_name(result), result['base'])} as it is. {chosen}stage_rates: what a command line "
                "says for the best factor, any that were given included."
            )
        ],
    )


def _heat_map(result: Mapping[str, Any]) -> Markup:
    stages = list(dict.fromkeys(cell["stage"] for cell in result["cells"]))
    factors = sorted({cell["factor"] for cell in result["cells"]})
    means = [cell["mean"] for cell in result["cells"]]
    least, most = min(means), max(means)
    scale = 100 if _is_share(result) else 1

    def paint(axes: "Axes") -> None:
        from matplotlib.patches import Rectangle

        for cell in result["cells"]:
            x, y = factors.index(cell["factor"]), stages.index(cell["stage"])
            share = (cell["mean"] - least) / (most - least) if most > least else 0.5
            share = share if result["higher"] else 1 - share
            alpha = FAINTEST + (STRONGEST - FAINTEST) * share
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=(*SHADE, alpha), linewidth=0))
            axes.text(
                x, y, f"{scale * cell['mean']:.{1 if scale > 1 else 3}f}", ha="center", va="center", color=INK
            )
        axes.set_xlim(-0.5, len(factors) - 0.5)
        axes.set_ylim(-0.5, len(stages) - 0.5)
        axes.set_xticks(range(len(factors)), ["frozen" if f == 0 else f"\u00d7 {f:g}" for f in factors])
        axes.set_yticks(range(len(stages)), [label(stage, 14) for stage in stages])
        axes.grid(visible=False)
        axes.set_xlabel("rate of the stage, over that of the plan as given")

    return draw("validation figure by stage and rate", paint, 460, 90 + 34 * len(stages))
