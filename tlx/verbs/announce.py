"""What is said when a run is over."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.run_directory import shown

__all__ = ["announce", "result"]


def announce(run: Path, summary: Mapping[str, Any]) -> None:
    """Print a finished run's result, and where its page and its network lie."""
    print(result(summary))  # noqa: T201
    print(f"page    {shown(run / 'report.html')}")  # noqa: T201
    print(f"bundle  {shown(run / 'bundle')}", flush=True)  # noqa: T201


def result(summary: Mapping[str, Any]) -> str:
    """The figures of a run in one line.

    >>> result({"val/accuracy": 0.5, "val/f1": 0.25, "val/samples": 8, "best/epoch": 2, "ended": "over"})
    'val     accuracy 50.0 %, macro F1 25.0 %, 8 samples (best epoch 2; ended: over)'
    """
    lines = []
    for split in ("val", "test"):
        if f"{split}/accuracy" not in summary:
            continue
        line = f"{split:7} accuracy {summary[f'{split}/accuracy']:.1%}, macro F1 {summary[f'{split}/f1']:.1%}"
        line = line.replace("%", " %") + f", {summary[f'{split}/samples']} samples"
        if split == "val":
            line += f" (best epoch {summary['best/epoch']}; ended: {summary['ended']})"
        lines.append(line)
    return "\n".join(lines)
