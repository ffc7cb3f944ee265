"""What lies in a run directory: only what tlx could have put there is written to."""

import os
from collections.abc import Iterator
from pathlib import Path

from tlx.errors import CheckpointError, SecurityError
from tlx.run.name import shown

__all__ = ["refuse_links", "refuse_other_kinds"]

FILES = (
    ".change.json",
    ".config.yaml",
    "bad_files.txt",
    "config.yaml",
    "crash.log",
    "data.json",
    "data_samples.jsonl.gz",
    "evaluation.json",
    "job.json",
    "log.txt",
    "metrics.csv",
    "phases.json",
    "plan.json",
    "ranks.log",
    "report.html",
    "source.json",
    "source_bad_files.txt",
    "source_samples.jsonl.gz",
    "state.json",
    "summary.json",
    "sweep.json",
)
FOLDERS = ("bundle", "checkpoints", "jobs", "known", "tensorboard")


def refuse_links(folder: Path, depth: int | None = None) -> None:
    """Refuse a directory in which writing, or sweeping up, would reach somewhere else.

    Whatever a link is called: the names of temporary files can be foreseen.

    Args:
        folder: A run's directory, or a sweep's.
        depth: So many levels of it are looked at; None: all of them.

    Raises:
        SecurityError: One of its entries is a link that leads out of it.
    """
    home = os.path.realpath(folder)
    for path in _links(folder, depth):
        if not Path(os.path.realpath(path)).is_relative_to(home):
            raise SecurityError(
                f"{shown(path)} is a link that leads out of the {'sweep' if depth else 'run'}",
                fix="what it leads to in its place, or delete it",
            )


def refuse_other_kinds(folder: Path) -> None:
    """Refuse a run or a sweep whose entries are not of the kind that tlx writes.

    Raises:
        CheckpointError: A file is a folder or a pipe, or a folder is none.
    """
    for name, word in (*((name, "file") for name in FILES), *((name, "folder") for name in FOLDERS)):
        path = folder / name
        is_one = path.is_file() if word == "file" else path.is_dir()
        if os.path.lexists(path) and not is_one:
            raise CheckpointError(f"{shown(path)} is no {word}", fix="the one that tlx wrote, or delete it")


def _links(folder: Path, depth: int | None) -> Iterator[Path]:
    if depth == 0:
        return
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # which nothing can be written to
        return
    for entry in entries:
        if entry.is_symlink():
            yield Path(entry.path)
        elif entry.is_dir():
            yield from _links(Path(entry.path), None if depth is None else depth - 1)
