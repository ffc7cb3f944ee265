"""The page and table of a sweep: combinations compared by their spread over seeds."""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tlx.errors import CheckpointError
from tlx.figures import COMMAND, ENDS, FORGETTING, TEXTS, columns_of, figure_of, is_of_a_run
from tlx.report.document import render, write_text
from tlx.report.formats import DASH, FIXED_SPACE, decimal, figure, finite, label, words
from tlx.report.plots import comparison
from tlx.report.run_files import read_json
from tlx.report.statistic import COLUMNS, Statistic, columns, statistic
from tlx.report.sweep_jobs import Job, missing_jobs, read_jobs
from tlx.report.trade_off import trade_off

__all__ = ["Row", "sweep_figures", "sweep_table", "write_sweep"]

TRAINING = {"train/seconds": "Train seconds", "train/epochs": "Epochs"}
SHOWN = 2  # figures of each task on the page, the headline first; the table as CSV has them all
PLOTTED = 40
UNCHOSEN = ("val/probe_accuracy", "val/neighbour_accuracy", "val/few_shot_area")
"""Measured on validation samples that chose nothing."""


@dataclass(frozen=True)
class Row:
    """The finished jobs whose overrides differ in nothing but the seed.

    Args:
        overrides: What they share, without `seed`.
        jobs: In the order of their seeds.
        figures: By those of `sweep_figures` that the jobs have.
    """

    overrides: dict[str, str]
    jobs: tuple[Job, ...]
    figures: dict[str, Statistic]

    def said(self, key: str) -> tuple[str, ...]:
        """What the jobs answer in words: once where all say the same, else of each, in their order."""
        texts = tuple(job.texts.get(key, "") for job in self.jobs)
        return texts[:1] if len(set(texts)) == 1 else texts

    def own_interval(self, key: str) -> tuple[float, float] | None:
        """What a single answer says of its own figure; None of several jobs, and where it says nothing."""
        low, high = (self.figures.get(f"{key}{end}") for end in ENDS)
        return None if low is None or high is None or len(self.jobs) > 1 else (low.mean, high.mean)

    @property
    def seeds_repeat(self) -> bool:
        """Whether two jobs have the same seed, so that the spread says too little."""
        seeds = [job.seed for job in self.jobs]
        return len(set(seeds)) < len(seeds)


def sweep_table(sweep: Path) -> list[Row]:
    """Group the finished jobs of a sweep by their overrides without `seed`.

    Args:
        sweep: A sweep directory.

    Returns:
        One row per combination, the best mean of the task's headline first (on test, where every
        row has it there).

    Raises:
        CheckpointError: There is no such directory, or it holds no jobs.
    """
    return _rows(read_jobs(sweep))


def sweep_figures(jobs: Sequence[Job], most: int | None = None) -> list[str]:
    """The keys of summary.json that a sweep compares: those of its jobs' tasks, and of training.

    Sequences and answers have those of their own alone, by what they are measured on.

    Args:
        jobs: The jobs; where none is finished, the figures are those of multiclass.
        most: So many figures of each task at most, its headline first; None: all.
    """
    summaries = [job.summary for job in jobs if job.finished] or [{}]
    keys = dict.fromkeys(key for summary in summaries for key in columns_of(summary, most))
    return [*keys, *(TRAINING if any(is_of_a_run(summary) for summary in summaries) else ())]


def _title(key: str) -> str:
    """What a figure of a sweep is called."""
    if key in TRAINING or "/" not in key:
        return TRAINING.get(key) or figure_of(key).title
    said = _in_a_sentence(key)
    return said[0].upper() + said[1:]


def _in_a_sentence(key: str) -> str:
    split, _, name = key.rpartition("/")
    return f"{split.replace('_', '-')} {words(name)}".strip()


def _rows(jobs: Sequence[Job]) -> list[Row]:
    groups: dict[tuple[tuple[str, str], ...], list[Job]] = {}
    for job in jobs:
        if job.finished:
            groups.setdefault(tuple(sorted(job.combination.items())), []).append(job)
    rows = [
        Row(dict(combination), tuple(members), _figures(members)) for combination, members in groups.items()
    ]
    main = _main_figure(jobs, rows)
    sign = -1.0 if figure_of(main).higher else 1.0
    return sorted(rows, key=lambda row: sign * row.figures[main].mean if main in row.figures else math.inf)


def _figures(jobs: Sequence[Job]) -> dict[str, Statistic]:
    found: dict[str, Statistic] = {}
    for key in sweep_figures(jobs):
        values = [number for job in jobs if (number := finite(job.summary.get(key))) is not None]
        if values:
            bounds = (0.0, math.inf) if key in TRAINING else figure_of(key).bounds
            found[key] = statistic(values, *bounds)
    return found


def _main_figure(jobs: Sequence[Job], rows: Sequence[Row]) -> str:
    """The headline of the first task: on test where every row has it, else by what every row has it on."""
    first, *others = sweep_figures(jobs)
    name = first.rpartition("/")[2]
    same = [f"test/{name}", first, *(key for key in others if key.rpartition("/")[2] == name)]
    return next((key for key in same if rows and all(key in row.figures for row in rows)), first)


def write_sweep(sweep: Path) -> tuple[Path, Path]:
    """Write sweep.html and sweep.csv of a sweep from its directory alone.

    Failed, unfinished and missing jobs are listed with their error; they are in no mean.

    Args:
        sweep: A sweep directory.

    Returns:
        The page and the table.

    Raises:
        CheckpointError: There is no such directory, or it holds no jobs.
    """
    jobs = read_jobs(sweep)
    rows = _rows(jobs)
    main, figures = _main_figure(jobs, rows), sweep_figures(jobs, SHOWN)
    keys = _keys([row.overrides for row in rows])
    varying = [key for key in keys if len({row.overrides.get(key) for row in rows}) > 1]
    names = [_row_name(row, varying) for row in rows]
    argv = _argv(sweep)
    absent = missing_jobs(argv, jobs)
    page = render(
        "sweep.html.jinja",
        title=label(sweep.resolve().name),
        rows=list(zip(names, rows, strict=True)),
        main=main,
        titles={key: _title(key) for key in (main, *figures)},
        shown=[key for key in figures if any(key in row.figures for row in rows)],
        texts={key: TEXTS[key] for key in _texts(rows) if key != COMMAND},
        commands=[(name, row.said(COMMAND)) for name, row in zip(names, rows, strict=True)]
        if COMMAND in _texts(rows)
        else [],
        counted=_counted,
        leans=main.startswith("val/") and main not in UNCHOSEN,
        said=_said,
        shared=[(key, rows[0].overrides[key]) for key in keys if key not in varying] if rows else [],
        plot=_plot(rows, names, main),
        forgotten=_forgotten(rows, names, main),
        plotted=PLOTTED,
        links={job.name: f"jobs/{quote(job.name)}/report.html" for job in jobs if job.has_page},
        left=[job for job in jobs if not job.finished],
        missing=absent,
        finished=sum(job.finished for job in jobs),
        total=len(jobs) + len(absent or ()),
        argv=argv,
    )
    return write_text(sweep / "sweep.html", page), write_text(sweep / "sweep.csv", _csv(rows, keys, jobs))


def _said(key: str, statistic: Statistic, own: tuple[float, float] | None) -> dict[str, str]:
    """A statistic in words: its mean, interval, of one job its own, spread, least and greatest value."""

    def said(number: float | None) -> str:
        return decimal(number, 1) if key in TRAINING else figure(key.rpartition("/")[2], number)

    low, high = (said(bound) for bound in statistic.interval or own or (None, None))
    between = " to " if key not in TRAINING and figure_of(key).signed else DASH
    return {
        "mean": said(statistic.mean),
        "interval": f"{low.removesuffix(f'{FIXED_SPACE}%')}{between}{high}",
        "std": said(statistic.std),
        "least": said(min(statistic.values)),
        "greatest": said(max(statistic.values)),
    }


def _plot(rows: Sequence[Row], names: Sequence[str], main: str) -> Any:
    found = [row.figures.get(main) for row in rows[:PLOTTED]]
    values = [statistic.values if statistic else () for statistic in found]
    intervals = [statistic.interval if statistic else None for statistic in found]
    better = "" if figure_of(main).higher else ", less is better"
    return comparison(names[:PLOTTED], values, intervals, _in_a_sentence(main) + better)


def _forgotten(rows: Sequence[Row], names: Sequence[str], main: str) -> Any:
    """What was learnt against what was forgotten; None where fewer than two rows know both."""
    found = [
        (name, row.figures[main], row.figures[FORGETTING])
        for name, row in zip(names, rows, strict=True)
        if main in row.figures and FORGETTING in row.figures
    ]
    return trade_off(found[:PLOTTED], _in_a_sentence(main)) if len(found) > 1 else None


def _counted(said: Sequence[str]) -> list[tuple[str, int]]:
    """Each answer once, and how many jobs gave it; 0 where all gave the same.

    >>> _counted(("full", "lp_ft", "full")), _counted(("full",))
    ([('full', 2), ('lp_ft', 1)], [('full', 0)])
    """
    return list(Counter(said).items()) if len(said) > 1 else [(text, 0) for text in said]


def _texts(rows: Sequence[Row]) -> list[str]:
    """The keys of what any of the jobs answers in words."""
    return [key for key in TEXTS if any(any(row.said(key)) for row in rows)]


def _keys(overrides: Sequence[Mapping[str, str]]) -> list[str]:
    """Every key, in the order of its first appearance."""
    return list(dict.fromkeys(key for each in overrides for key in each))


def _row_name(row: Row, varying: Sequence[str]) -> str:
    """What tells a row from the others; the key is left out where there is only one."""
    if not varying:
        return "all jobs"
    values = [(key, row.overrides.get(key, "not set")) for key in varying]
    return values[0][1] if len(values) == 1 else ", ".join(f"{key}={value}" for key, value in values)


def _argv(sweep: Path) -> list[str]:
    try:
        raw = read_json(sweep / "sweep.json")
    except CheckpointError:
        return []
    given = raw.get("overrides") if isinstance(raw, dict) else None
    return [str(override) for override in given] if isinstance(given, list) else []


def _csv(rows: Sequence[Row], keys: Sequence[str], jobs: Sequence[Job]) -> str:
    """One line per combination: its overrides, n, its seeds, six columns per figure, by repr, and its words.

    Where jobs of a combination differ in words, those of each stand there, in the order of the seeds.
    """
    figures, texts = sweep_figures(jobs), _texts(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    named = [f"{key}/{column}" for key in figures for column in COLUMNS]
    writer.writerow([*keys, "n", "seeds", *named, *texts])
    for row in rows:
        line: list[str] = [row.overrides.get(key, "") for key in keys]
        line += [str(len(row.jobs)), " ".join(job.seed for job in row.jobs)]
        for key in figures:
            line += columns(row.figures.get(key))
        writer.writerow([*line, *("; ".join(row.said(key)) for key in texts)])
    return out.getvalue()
