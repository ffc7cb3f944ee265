"""A fit in this process that prints nothing."""

from pathlib import Path
from typing import Any

from rich.console import Console

from tlx.job import Job
from tlx.training import fit


def fit_quietly(job: Job, folder: Path) -> dict[str, Any]:
    return fit(job, folder, Console(quiet=True))
