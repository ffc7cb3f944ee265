"""The jobs of a sweep: which there are, which there should be, and what became of them."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlx.errors import CheckpointError
from tlx.figures import TEXTS
from tlx.report.run_files import read_json

__all__ = ["Job", "missing_jobs", "read_jobs"]

MOST_COMBINATIONS = 10_000

VALUE = r"""(?:'[^']*+'|"[^"]*+"|\[[^\]]*+\]|\{[^}]*+\}|[^,'"\[{\]}])++"""

REASONS = {
    "running": "it runs, or it was killed without notice",
    "interrupted": "it was interrupted",
    "not started": "it has not started",
}


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Args:
        name: Its directory's.
        overrides: Its own, without the plus signs of new keys.
        status: One of finished, failed, interrupted, running, not started, unknown.
        error: The one line it failed with; empty otherwise.
        summary: Its summary.json; empty unless it finished.
        has_page: Whether its report.html is there.
    """

    name: str
    overrides: Mapping[str, str]
    status: str
    error: str
    summary: Mapping[str, Any]
    has_page: bool

    @property
    def finished(self) -> bool:
        """Whether it has a result that counts."""
        return self.status == "finished"

    @property
    def reason(self) -> str:
        """Why it has no result, in one line."""
        return self.error or REASONS.get(self.status, "its directory has no result and no error")

    @property
    def combination(self) -> dict[str, str]:
        """What it shares with the jobs that differ in the seed alone."""
        return {key: value for key, value in self.overrides.items() if key != "seed"}

    @property
    def texts(self) -> dict[str, str]:
        """What it answers in words, where it is a question."""
        return {key: str(self.summary[key]) for key in TEXTS if key in self.summary}

    @property
    def seed(self) -> str:
        """Its seed, as given or as used; empty when neither is known."""
        return str(self.overrides.get("seed", self.summary.get("seed", "")))


def read_jobs(sweep: Path) -> list[Job]:
    """Every job directory of a sweep, by name; a number in a name counts as a number.

    Raises:
        CheckpointError: There is no such directory, or it holds no jobs.
    """
    folder = sweep / "jobs"
    try:
        paths = sorted((path for path in folder.iterdir() if path.is_dir()), key=_order)
    except OSError as error:
        raise CheckpointError(
            f"{sweep} is no sweep: it has no folder jobs", fix="the path of a sweep"
        ) from error
    if not paths:
        raise CheckpointError(f"the sweep {sweep} has no job yet", fix="tlx resume SWEEP, which runs them")
    jobs = [_job(path) for path in paths]
    return sorted(jobs, key=lambda job: (sorted(job.combination.items()), _natural(job.seed)))


def _order(path: Path) -> list[tuple[int, str]]:
    return _natural(path.name)


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def _job(path: Path) -> Job:
    state, summary = _mapping(path / "state.json"), _mapping(path / "summary.json")
    given = _mapping(path / "job.json").get("overrides")
    overrides = given if isinstance(given, dict) else {}
    status = str(state.get("status", "not started" if not state else "unknown"))
    if status == "finished" and not summary:
        status = "unknown"
    return Job(
        name=path.name,
        overrides={str(key).lstrip("+"): str(value) for key, value in overrides.items()},
        status=status,
        error=str(state.get("error") or ""),
        summary=summary if status == "finished" else {},
        has_page=(path / "report.html").exists(),
    )


def _mapping(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except CheckpointError:
        return {}
    return value if isinstance(value, dict) else {}


def missing_jobs(argv: Sequence[str], jobs: Sequence[Job]) -> list[dict[str, str]] | None:
    """The combinations a sweep asks for that no job has, by its swept keys alone.

    Args:
        argv: The overrides of the sweep, `key=a,b,c` or `key=range(0,3)`.
        jobs: Those there are.

    Returns:
        The overrides of each missing job; None when an override is of a kind not read here
        (a glob, a nested choice), so that nothing can be said.
    """
    swept: dict[str, list[str]] = {}
    for override in argv:
        key, equals, text = override.partition("=")
        if not equals or key.startswith(("-", "~")):
            continue  # a flag, its value, or a deletion
        values = _choices(text)
        if values is None:
            return None
        if len(values) > 1:
            swept[key.lstrip("+")] = values
    have = {tuple(job.overrides.get(key, "") for key in swept) for job in jobs}
    combinations = itertools.islice(itertools.product(*swept.values()), MOST_COMBINATIONS)
    return [dict(zip(swept, values, strict=True)) for values in combinations if values not in have]


def _choices(text: str) -> list[str] | None:
    """The values a sweep gives a key, split at the commas outside quotes and brackets.

    >>> _choices("full,'a,b',[1,2]"), _choices("range(1,4)"), _choices("glob(*)")
    (['full', 'a,b', '[1,2]'], ['1', '2', '3'], None)
    """
    whole = re.fullmatch(r"range\((-?\d+)(?:,\s*(-?\d+))?(?:,\s*([1-9]\d*))?\)", text)
    if whole:
        bounds = [int(bound) for bound in whole.groups() if bound is not None]
        return [str(number) for number in range(*bounds)]
    if re.match(r"\w+\(", text):
        return None
    if not re.fullmatch(f"(?:{VALUE})?(?:,(?:{VALUE})?)*", text):
        return None
    parts = re.findall(VALUE, text)
    return [re.sub(r"""^(['"])(.*)\1$""", r"\2", part.strip()) for part in parts] or [""]
