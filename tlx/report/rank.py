"""The page of `tlx rank`: candidates in order, with what each costs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.report.answer import Column, Section, Table, facts_of, write_answer
from tlx.report.formats import (
    DASH,
    LONG_NAME,
    count,
    decimal,
    duration,
    figure,
    label,
    millions,
    percent,
    size,
)
from tlx.report.run_files import read_json

__all__ = ["result_lines", "write_page"]

TITLES = {
    "logme": "LogME",
    "leep": "LEEP",
    "nce": "NCE",
    "h_score": "H-score",
    "neighbours": "k-NN",
    "probe": "Probe",
}
SHARES = ("neighbours", "probe")
SOURCES = (
    "LogME: You et al. 2021; LEEP: Nguyen et al. 2020; NCE: Tran et al. 2019; H-score: regularised, "
    "Ibrahim et al. 2021; k-NN: accuracy of nearest neighbours on samples held out. More is better of each. "
    "LEEP and NCE need the original head."
)


def result_lines(result: Mapping[str, Any]) -> list[str]:
    """The answer for a terminal."""
    longest = max(len(str(each["name"])) for each in result["candidates"])
    lines = [
        f"{label(each['name']):{longest}}  LogME {decimal(each['logme'])}  LEEP {decimal(each['leep'])}  "
        f"NCE {decimal(each['nce'])}  H-score {decimal(each['h_score'])}  "
        f"k-NN {percent(each['neighbours'])}  probe {percent(each.get('probe'))}{_tuned(result, each)}"
        for each in result["candidates"]
    ]
    best = f"best     {label(result['best'])} by LogME"
    return [*lines, best, *_dimensions_said(result), *result["warnings"]]


def _dimensions_said(result: Mapping[str, Any]) -> list[str]:
    """What different numbers of features do to scores."""
    sizes = [int(each["dimensions"]) for each in result["candidates"]]
    said = (
        f"The candidates have {count(min(sizes))} to {count(max(sizes))} features. H-scores tend to be "
        "greater of more features, also of random ones; regularised, as here, less so than without. Hold "
        "those of such candidates against LogME and the probe."
    )
    return [said] if min(sizes) < max(sizes) else []


def _tuned(result: Mapping[str, Any], candidate: Mapping[str, Any]) -> str:
    if not result["figure"]:
        return ""
    return f"  fine-tuned {figure(str(result['figure']).partition('/')[2], candidate['finetuned'])}"


def write_page(folder: Path) -> Path:
    """Write report.html of a finished answer from its result.json.

    Raises:
        CheckpointError: There is no result.
    """
    result: dict[str, Any] = read_json(folder / "result.json")
    best = result["candidates"][0]
    return write_answer(
        folder,
        kicker="which source model?",
        title=f"{len(result['candidates'])} candidates for {label(result['data'])}",
        headline=label(result["best"], LONG_NAME),
        sentences=[
            (
                f"It has the greatest LogME, {decimal(best['logme'])}, on {count(result['samples'])} "
                "training samples."
            ),
            (
                f"Nearest neighbours on its frozen features are right for {percent(best['neighbours'])} "
                f"of the samples held out{_probe_said(best, result)}. For these scores the network itself "
                "was not trained."
            ),
        ],
        sections=[_scores(result), _costs(result), *_held(result)],
        facts=[*facts_of(result), ("Samples scored", count(result["samples"]))],
        warnings=result["warnings"],
    )


def _scores(result: Mapping[str, Any]) -> Section:
    columns = [Column("Model", number=False), *(Column(title) for title in TITLES.values())]
    tuned = result["figure"]
    columns += [Column("Fine-tuned")] if tuned else []
    rows = [
        [
            label(each["name"], LONG_NAME),
            *(percent(each.get(s)) if s in SHARES else decimal(each[s]) for s in TITLES),
            *([figure(str(tuned).partition("/")[2], each["finetuned"])] if tuned else []),
        ]
        for each in result["candidates"]
    ]
    notes = [SOURCES, *_dimensions_said(result), *([_probe_note(result)] if _has_probes(result) else [])]
    notes += (
        [f"Fine-tuned: {tuned} of the epoch that counts, on samples that may have chosen it."]
        if tuned
        else []
    )
    return Section("Scores", tables=[Table(columns, rows)], notes=notes)


def _has_probes(result: Mapping[str, Any]) -> bool:
    """Answers of before there were probes have none."""
    return "reported_on" in result


def _probe_said(best: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    if not _has_probes(result):
        return ""
    return f", and a linear probe for {percent(best['probe'])} of {result['reported_on']}"


def _probe_note(result: Mapping[str, Any]) -> str:
    return (
        f"Probe: accuracy of a linear probe (Alain and Bengio 2016) on {count(result['reported'])} samples "
        f"of {result['reported_on']}; the strength of its penalty was chosen on {result['chosen_on']}, "
        "and no sample that is reported chose anything."
    )


def _costs(result: Mapping[str, Any]) -> Section:
    columns = (
        Column("Model", number=False),
        Column("A thousand samples"),
        Column("Parameters"),
        Column("Weights"),
        Column("Greatest layer"),
        Column("Features"),
    )
    rows = [
        [
            label(each["name"], LONG_NAME),
            duration(each["seconds"]),
            millions(each["parameters"]),
            size(each["bytes"]),
            size(each["layer_bytes"]),
            count(each["dimensions"]),
        ]
        for each in result["candidates"]
    ]
    said = (
        "Time: the fastest of three batches, the network alone. Greatest layer: input and output, one sample."
    )
    return Section("What each costs", tables=[Table(columns, rows)], notes=[said])


def _held(result: Mapping[str, Any]) -> list[Section]:
    if not result["agreement"]:
        return []
    columns = (
        Column("Score", number=False),
        Column("Candidates"),
        Column("Weighted tau"),
        Column("95 % interval"),
        Column("p"),
    )
    rows = [
        [
            TITLES[each["score"]],
            count(each.get("candidates", len(result["candidates"]))),
            decimal(each["weighted_tau"]),
            DASH if each["low"] is None else f"{decimal(each['low'])} to {decimal(each['high'])}",
            decimal(each.get("p")),
        ]
        for each in result["agreement"]
    ]
    said = (
        "Vigna's weighted tau between the order by a score and by fine-tuning: 1 is the same order, 0 "
        "chance. p: how often an order by chance is as far from 0. Over fewer than five candidates there is "
        "no interval, over fewer than four nothing is told."
    )
    return [Section("How well the scores foretold fine-tuning", tables=[Table(columns, rows)], notes=[said])]
