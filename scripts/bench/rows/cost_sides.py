"""What `tlx plan measure=true` foretells, and what `tlx fit` with the same words then takes.

    python -m scripts.bench.rows.cost_sides out=FILE clock=wall plan cache.folder=FOLDER measure=true ...
    python -m scripts.bench.rows.cost_sides out=FILE clock=wall fit cache.folder=FOLDER run_dir=RUN ...

Seconds are those from the first look for stored values of the first phase to the end of the run, with every
validation and checkpoint, the change from phase to phase and the page; without the start of the process.
`clock=cpu` has both sides count the seconds of this process on its processor.
"""

import functools
import importlib
import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tlx.cli import main as tlx

__all__ = ["main"]

TIMED = (
    "tlx.cache.frontier",
    "tlx.cache.making",
    "tlx.cache.onepass",
    "tlx.doctor.cost",
    "tlx.doctor.passes",
    "tlx.doctor.stopwatch",
    "tlx.report.recorder",
)
"""The modules that measure; all else goes by the clock on the wall, so that nothing waits forever."""
CLOCKS = {"wall": time.monotonic, "cpu": time.process_time}
PARTS = ("fill", "train", "val", "around", "seconds")
PACKAGES = ("tlx", "torch", "torchvision", "lightning")


def main(argv: list[str]) -> int:
    """Run the command and write what it told or took; its exit code."""
    out, clock, *command = argv
    now = CLOCKS[clock.removeprefix("clock=")]
    for name in TIMED:
        vars(importlib.import_module(name))["time"] = SimpleNamespace(monotonic=now)
    found: dict[str, Any] = {}
    if command[0] == "plan":
        _note_told(found)
    else:
        _note_taken(found, now)
    code = tlx(command)
    if code == 0:
        if command[0] == "fit":
            settings = dict(word.split("=", 1) for word in command[1:])
            values = Path(settings["cache.folder"]).glob("*/*.bin")
            found["cache"] = sum(path.stat().st_size for path in values)
            found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        versions = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
        content = json.dumps(found | {"versions": versions})
        Path(out.removeprefix("out=")).write_text(content, encoding="utf-8")
    return code


def _note_told(found: dict[str, Any]) -> None:
    """Note what is foretold."""
    cost = importlib.import_module("tlx.doctor.cost")
    measured = cost.measured

    @functools.wraps(measured)
    def noted(job: Any) -> Any:
        told = measured(job)
        phases = [{name: getattr(phase, name) for name in PARTS} for phase in told.phases]
        found.update(phases=phases, end=told.end, seconds=told.seconds, memory=told.memory, cache=told.cache)
        return told

    vars(cost)["measured"] = noted


def _note_taken(found: dict[str, Any], now: Callable[[], float]) -> None:
    """Note what the phases take, and what comes after them."""
    training = importlib.import_module("tlx.training")
    found["phases"], moments = [], list[float]()

    def noted(run_phase: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(run_phase)
        def phase(run: Any, *more: Any) -> None:
            moments.append(now())
            run_phase(run, *more)
            found["phases"].append({"fill": run.cache.seconds})

        return phase

    def concluded(conclude: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(conclude)
        def end(run: Any, *more: Any) -> Any:
            moments.append(now())
            summary = conclude(run, *more)
            for number, seen in enumerate(found["phases"]):
                seen["seconds"] = moments[number + 1] - moments[number]
            ended, found["trained"] = now(), summary["train/seconds"]
            found["end"], found["seconds"] = ended - moments[-1], ended - moments[0]
            return summary

        return end

    names = vars(training)
    names["_run_phase"], names["conclude"] = noted(names["_run_phase"]), concluded(names["conclude"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
