"""A result file as tables for the terminal and the README, one for each verb: pure functions of it."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scripts.answers.cases import CASES, SETTLED, Case, Known

__all__ = ["agrees", "caption", "markdown"]

Answer = Mapping[str, Any]
Row = Sequence[str]

LAST = -1
MINUS = "\N{MINUS SIGN}"


def markdown(result: Mapping[str, Any]) -> str:
    """A table for each verb that was asked, and below it the commands of its rows."""
    entries = {entry["case"]: entry for entry in result["runs"]}
    parts = []
    for verb, (head, rows) in TABLES.items():
        found = [(case, entries[case.name]) for case in CASES if case.verb == verb and case.name in entries]
        if not found:
            continue
        lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        lines += [f"| {' | '.join(row)} |" for case, entry in found for row in rows(case, entry["answer"])]
        commands = [f"    {command(verb, entry['words'])}" for _, entry in found]
        parts += [f"`tlx {verb}`", "\n".join(lines), "\n".join(commands)]
    return "\n\n".join(parts)


def command(verb: str, words: Sequence[str]) -> str:
    """The line that asks, as a shell takes it, but for the words of every command.

    >>> command("rank", ["data=digits", "rank.models=[tiny,mlp]"])
    "tlx rank data=digits 'rank.models=[tiny,mlp]'"
    """
    return " ".join(["tlx", verb, *(shlex.quote(word) for word in words)])


def _percent(share: float, low: float | None = None, high: float | None = None, sign: str = "") -> str:
    """Percent, or points, with the interval where there is one.

    >>> _percent(0.5, 0.25, 0.75), _percent(0.01, sign="+")
    ('50.0 [25.0, 75.0]', '+1.0')
    """
    bounds = [] if low is None or high is None else [low, high]
    mean, *ends = (f"{100 * number:{sign}.1f}".replace("-", MINUS) for number in (share, *bounds))
    return f"{mean} [{', '.join(ends)}]" if ends else mean


def _number(value: float | None) -> str:
    """Three digits, all of a whole number, or nothing.

    >>> _number(0.12345), _number(12345.6), _number(None)
    ('0.123', '12,346', '')
    """
    if value is None:
        return ""
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", MINUS)


def _gain(case: Case, answer: Answer) -> Iterator[Row]:
    arms = [answer["transfer"], answer["scratch"]]
    yield (
        case.about,
        *(f"{_percent(arm['mean'])} (`{arm['strategy']}`, rates times {arm['rate']:g})" for arm in arms),
        _percent(answer["gain"], answer["low"], answer["high"], "+"),
        f"**{answer['verdict']}**",
        _percent(answer["neighbours"]),
        _percent(answer["majority"]),
        str(answer["samples"]),
        str(len(answer["seeds"])),
    )


def _fewshot(case: Case, answer: Answer) -> Iterator[Row]:
    for number, curve in enumerate(answer["curves"]):
        yield (
            "" if number else case.about,
            f"`{curve['name']}`",
            ", ".join(
                f"{point['shots']}: {_percent(point['mean'], point['low'], point['high'])}"
                for point in curve["points"]
            ),
            "" if number else str(answer["reported"]),
            "" if number else str(len(answer["seeds"])),
        )


def _probe(case: Case, answer: Answer) -> Iterator[Row]:
    last = answer["stages"][LAST]
    best = next(stage for stage in answer["stages"] if stage["name"] == answer["best"])
    known = case.known
    yield (
        case.about,
        _percent(last["accuracy"], last["low"], last["high"]),
        _percent(last["neighbours"]),
        f"`{best['name']}`, {_percent(best['accuracy'])}",
        str(answer["reported"]),
        "" if known is None else _range(known),
        "" if known is None else agrees(last, known),
    )


def _range(known: Known) -> str:
    return f"{known.low:g}" if known.low == known.high else f"{known.low:g} to {known.high:g}"


def agrees(stage: Mapping[str, Any], known: Known) -> str:
    """Whether the interval of a probe holds what is known, or a part of its range.

    >>> agrees({"low": 0.8, "high": 0.9}, Known(87.6, 91.2)), agrees({"low": 0.8, "high": 0.9}, Known(91, 92))
    ('yes', 'no')
    """
    return "yes" if 100 * stage["low"] <= known.high and known.low <= 100 * stage["high"] else "no"


DISTANCES = ("a_distance", "frechet", "kid", "mmd", "coral")


def _distance(case: Case, answer: Answer) -> Iterator[Row]:
    measures = {measure["name"]: measure for measure in answer["stages"][LAST]["measures"]}
    said = [f"{_number(measures[name]['value'])} ({_number(measures[name]['within'])})" for name in DISTANCES]
    p_value = _number(measures["mmd"]["p_value"])
    yield case.about, *said, p_value, f"{answer['source_samples']}, {answer['target_samples']}"


SCORES = ("logme", "leep", "nce", "h_score")


def _rank(case: Case, answer: Answer) -> Iterator[Row]:
    for number, each in enumerate(answer["candidates"]):
        probe, tuned = each.get("probe"), each["finetuned"]
        yield (
            "" if number else case.about,
            f"`{each['name']}`",
            *(_number(each[score]) for score in SCORES),
            _percent(each["neighbours"]),
            "" if probe is None else _percent(probe),
            "" if tuned is None else _percent(tuned),
            "" if number else str(answer["samples"]),
        )


def _advise(case: Case, answer: Answer) -> Iterator[Row]:
    won, risk = answer["entrants"][0], answer["risk"]
    strategy = answer["strategy"].replace("strategy=", "", 1)
    yield (
        case.about,
        f"`{strategy}`, {answer['regularizer']}, rates times {answer['rate_scale']:g}",
        _percent(won["accuracy"], won["low"], won["high"]),
        str(len(answer["entrants"])),
        ""
        if risk is None
        else f"{_percent(risk['gain'], risk['low'], risk['high'], '+')}, {risk['verdict']}",
        "; ".join(guide["strategy"].replace("strategy=", "") for guide in answer["guides"]),
        str(sum(found["level"] != "ok" for found in answer["findings"])),
    )


TABLES: dict[str, tuple[Row, Callable[[Case, Answer], Iterator[Row]]]] = {
    "gain": (
        (
            "what",
            "pre-trained, %",
            "from scratch, %",
            "gain, points",
            "verdict",
            "nearest neighbours, nothing trained, %",
            "one answer for all, %",
            "samples",
            "seeds",
        ),
        _gain,
    ),
    "fewshot": (("what", "arm", "labels a class: accuracy, %", "samples", "seeds"), _fewshot),
    "probe": (
        (
            "what",
            "last stage, %",
            "nearest neighbours, %",
            "best stage, %",
            "samples",
            "known, %",
            "agrees",
        ),
        _probe,
    ),
    "distance": (
        ("from, to", "proxy A-distance", "Frechet", "KID", "MMD", "CORAL", "p of MMD", "samples"),
        _distance,
    ),
    "rank": (
        (
            "what",
            "model",
            "LogME",
            "LEEP",
            "NCE",
            "H-score",
            "nearest neighbours, %",
            "linear probe, %",
            "head trained, val %",
            "samples",
        ),
        _rank,
    ),
    "advise": (
        (
            "what",
            "strategy, regularizer, rates",
            "val accuracy of its short run, %",
            "runs",
            "over scratch, points",
            "rules of thumb, by all labels; by the smallest class",
            "warnings about the data",
        ),
        _advise,
    ),
}
"""Head and rows of each verb's table, in the order in which they are shown."""


def caption(result: Mapping[str, Any]) -> str:
    """When and with what it was measured, and what the intervals are of."""
    minutes = sum(entry["process"] for entry in result["runs"]) / 60
    commits = ", ".join(sorted({entry["commit"] for entry in result["runs"]}))
    versions = ", ".join(f"{name} {text}" for name, text in sorted(result["versions"].items()))
    failed = (
        f" {len(result['failed'])} questions have no answer and are left out." if result["failed"] else ""
    )
    return (
        f"{result['date']}, commit {commits}, {result['processor']['name']}, {minutes:.0f} minutes of one "
        f"thread for all of it; every command has {' '.join(SETTLED)} besides, and words in "
        "capitals stand for places. Intervals are 95 %: of `gain` over seeds and samples; of `fewshot` "
        "over seeds, each of which draws other labels; of `probe` Wilson's over samples. Probes, distances "
        "and scores are one draw of samples each, and a head of `rank` is one run, reported on the samples "
        "that chose its epoch. Known is what came with the data: logistic regression on pooled features of "
        "the same frozen network, on all of PACS, of which tlx had at most 160 images of a class and domain. "
        f"Beside a distance stands, in brackets, the same within the target.{failed} {versions}."
    )
