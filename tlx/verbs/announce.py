"""What is said when a run is over."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.report.console import result_lines
from tlx.run.directory import shown

__all__ = ["announce"]


def announce(run: Path, summary: Mapping[str, Any]) -> None:
    """Print a finished run's result, and where its network and, if it has one, its page lie."""
    page = run / "report.html"
    print(result_lines(summary, Path(shown(page)) if page.is_file() else None))  # noqa: T201
    print(f"bundle   {shown(run / 'bundle')}", flush=True)  # noqa: T201
