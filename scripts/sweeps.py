"""A sweep of tlx as a step of a script: what is finished is not run again, what was cut off goes on."""

import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.measure import run, thread_words

__all__ = ["run_sweep"]


def run_sweep(verb: str, name: str, words: Sequence[str], home: Path, remembered: Path) -> Path:
    """Run what is missing of a sweep.

    Args:
        verb: Of the command: `fit` or `sequence`.
        name: Of the sweep, for people.
        words: Its overrides.
        home: Where its jobs live; what it says goes to a file beside it.
        remembered: For what tlx remembers.

    Returns:
        `home`.

    Raises:
        SystemExit: There is not a single job.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    log = home.with_suffix(".log")
    print(f"{name}: it says more in {log}", flush=True)
    command = [sys.executable, "-m", "tlx.cli", verb, "-m", *words, f"sweep_dir={home}"]
    spent = run(command, thread_words(remembered), log)
    print(f"{name}: {spent.cpu:.0f} CPU seconds", flush=True)
    if not (home / "jobs").is_dir():
        raise SystemExit(f"{name} has no run: {spent.said}")
    return home
