"""The page and table of a sweep: combinations compared by their spread over seeds."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from urllib.parse import quote

from tlx.errors import CheckpointError
from tlx.functional.intervals import t_interval
from tlx.report.document import render, write_text
from tlx.report.formats import finite, label
from tlx.report.plots import comparison
from tlx.report.run_files import read_json
from tlx.report.sweep_jobs import Job, missing_jobs, read_jobs

__all__ = ["FIGURES", "Row", "Statistic", "sweep_table", "write_sweep"]

FIGURES = {
    "val/accuracy": "Val accuracy",
    "test/accuracy": "Test accuracy",
    "val/f1": "Val F1",
    "test/f1": "Test F1",
    "train/seconds": "Train seconds",
    "train/epochs": "Epochs",
}
"""The figures of a sweep: their keys in summary.json, and what they are called."""

SHARES = ("accuracy", "f1")
PLOTTED = 40
COLUMNS = ("mean", "std", "low", "high", "min", "max")


@dataclass(frozen=True)
class Statistic:
    """One figure over the jobs of a combination.

    Args:
        values: Of each job, in the order of the seeds.
        mean: Their mean.
        std: Their standard deviation, with n - 1; None for one job.
        interval: Student's 95 % interval of the mean, for accuracies and F1 cut to [0, 1];
            None for one job.
    """

    values: tuple[float, ...]
    mean: float
    std: float | None
    interval: tuple[float, float] | None

    @property
    def n(self) -> int:
        """How many jobs have the figure."""
        return len(self.values)


@dataclass(frozen=True)
class Row:
    """The finished jobs whose overrides differ in nothing but the seed.

    Args:
        overrides: What they share, without `seed`.
        jobs: In the order of their seeds.
        figures: The keys of `FIGURES` that the jobs have.
    """

    overrides: dict[str, str]
    jobs: tuple[Job, ...]
    figures: dict[str, Statistic]

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
        One row per combination, the best mean accuracy first (on test, where every row has it).

    Raises:
        CheckpointError: There is no such directory, or it holds no jobs.
    """
    return _rows(read_jobs(sweep))


def _rows(jobs: Sequence[Job]) -> list[Row]:
    groups: dict[tuple[tuple[str, str], ...], list[Job]] = {}
    for job in jobs:
        if job.finished:
            groups.setdefault(tuple(sorted(job.combination.items())), []).append(job)
    rows = [
        Row(dict(combination), tuple(members), _figures(members)) for combination, members in groups.items()
    ]
    main = _main_figure(rows)
    return sorted(rows, key=lambda row: -row.figures[main].mean if main in row.figures else 1.0)


def _figures(jobs: Sequence[Job]) -> dict[str, Statistic]:
    found: dict[str, Statistic] = {}
    for key in FIGURES:
        values = [number for job in jobs if (number := finite(job.summary.get(key))) is not None]
        if values:
            found[key] = _statistic(values, share=key.rpartition("/")[2] in SHARES)
    return found


def _statistic(values: Sequence[float], share: bool) -> Statistic:
    interval = t_interval(values)
    if interval is not None:
        interval = max(interval[0], 0.0), min(interval[1], 1.0) if share else interval[1]
    return Statistic(tuple(values), fmean(values), stdev(values) if len(values) > 1 else None, interval)


def _main_figure(rows: Sequence[Row]) -> str:
    return "test/accuracy" if rows and all("test/accuracy" in row.figures for row in rows) else "val/accuracy"


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
    main = _main_figure(rows)
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
        names=FIGURES,
        shown=[key for key in FIGURES if any(key in row.figures for row in rows)],
        shared=[(key, rows[0].overrides[key]) for key in keys if key not in varying] if rows else [],
        plot=_plot(rows, names, main),
        plotted=PLOTTED,
        links={job.name: f"jobs/{quote(job.name)}/report.html" for job in jobs if job.has_page},
        left=[job for job in jobs if not job.finished],
        missing=absent,
        finished=sum(job.finished for job in jobs),
        total=len(jobs) + len(absent or ()),
        argv=argv,
    )
    return write_text(sweep / "sweep.html", page), write_text(sweep / "sweep.csv", _csv(rows, keys))


def _plot(rows: Sequence[Row], names: Sequence[str], main: str) -> Any:
    figures = [row.figures.get(main) for row in rows[:PLOTTED]]
    values = [figure.values if figure else () for figure in figures]
    intervals = [figure.interval if figure else None for figure in figures]
    return comparison(names[:PLOTTED], values, intervals, FIGURES[main].lower())


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


def _csv(rows: Sequence[Row], keys: Sequence[str]) -> str:
    """One line per combination: its overrides, its seeds, n, and six columns per figure, by repr."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*keys, "n", "seeds", *(f"{key}/{column}" for key in FIGURES for column in COLUMNS)])
    for row in rows:
        line: list[str] = [row.overrides.get(key, "") for key in keys]
        line += [str(len(row.jobs)), " ".join(job.seed for job in row.jobs)]
        for key in FIGURES:
            line += _columns(row.figures.get(key))
        writer.writerow(line)
    return out.getvalue()


def _columns(figure: Statistic | None) -> list[str]:
    if figure is None:
        return [""] * len(COLUMNS)
    low, high = figure.interval or (None, None)
    numbers = (figure.mean, figure.std, low, high, min(figure.values), max(figure.values))
    return ["" if number is None else repr(number) for number in numbers]
