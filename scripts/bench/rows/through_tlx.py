"""`tlx` with a clock: what follows `out=FILE` is the command line.

    python -m scripts.bench.rows.through_tlx out=FILE fit model=resnet18 ...

The clock starts before the first phase computes the frozen part and stops when the last phase is
over, with its validations and checkpoints; the evaluation and the page come after.
"""

import csv
import functools
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.bench.rows.clock import Clock
from tlx.cli import main as tlx
from tlx.plan import Plan

__all__ = ["three_phases"]


def three_phases(stages: Sequence[str], **settings: Any) -> Plan:
    """Gradual unfreezing down to the second stage from the top, and no further."""
    from tlx.strategies.gradual_unfreezing import gradual_unfreezing

    plan = gradual_unfreezing(stages, **settings)
    return replace(plan, phases=plan.phases[:3])


def timed(clock: Clock, phase: Callable[..., None]) -> Callable[..., None]:
    """What runs a phase, between two readings of the clock."""

    @functools.wraps(phase)
    def run(*arguments: Any) -> None:
        clock.start()
        phase(*arguments)
        clock.stop()

    return run


def main(argv: list[str]) -> int:
    """Run the command and report; its exit code."""
    from tlx import training

    clock, out = Clock(), argv[0].removeprefix("out=")
    training._run_phase = timed(clock, training._run_phase)
    code = tlx(argv[1:])
    if code == 0:
        run = next(word.removeprefix("run_dir=") for word in argv if word.startswith("run_dir="))
        with (Path(run) / "metrics.csv").open(newline="") as file:
            losses = [float(row["train/loss"]) for row in csv.DictReader(file)]
        clock.report(out, losses, ("torch", "torchvision", "lightning", "tlx"))
        _note_arithmetic(Path(out), Path(run) / "arithmetic.json")
    return code


def _note_arithmetic(out: Path, told: Path) -> None:
    """What was computed with, where it was asked for: tlx falls back where accuracy would suffer."""
    if told.is_file():
        found = json.loads(out.read_text(encoding="utf-8"))
        found["arithmetic"] = json.loads(told.read_text(encoding="utf-8"))
        out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
