"""The Frechet distance of tlx against scipy's root of a matrix, on a CPU with one thread.

    python -m scripts.bench.frechet --out scripts/bench/results/frechet-DATE.json

CPU seconds are taken in one process a case, all ways in turn, and divided repetition by repetition, so that
other work on the machine meets all of them. The result file is written after every case.
`--sizes 64 --repetitions 2` shows in seconds that it runs.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.bench.measure import commit, processor, run, thread_words, today, write
from scripts.bench.ratios import paired, speed
from scripts.bench.rows.frechet_ways import CASES

__all__ = ["DIFFERENCE_GOAL", "GOALS", "caption", "table"]

GOALS = {512: 5.0, 2048: 10.0}
"""How many times as long scipy takes, by the number of dimensions."""
DIFFERENCE_GOAL = 1e-9
"""Relative, from scipy's value; of few samples that is no measure, for its covariances are singular."""


def table(cases: Mapping[str, Mapping[str, Any]]) -> str:
    """All cases as Markdown, each goal with whether it is reached.

    Args:
        cases: What was found, by `D case`.
    """
    head = [
        "| dimensions | case | samples | way | seconds | scipy takes | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(line for name, found in cases.items() for line in _lines(name, found))])


def caption(result: Mapping[str, Any]) -> str:
    """What was measured, and on what."""
    cases = list(result["cases"].values())
    counts = sorted({len(found["seconds"]["tlx"]) for found in cases})
    repetitions = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    versions = {
        f"{name} {found['versions'][name].partition('+')[0]}"
        for found in cases
        for name in ("torch", "scipy")
    }
    return (
        f"{result['date']}, {result['processor']['name']}, one thread, {', '.join(sorted(versions))}; "
        f"{repetitions} repetitions. Processor seconds, ratios "
        "paired by repetition with 95 % intervals. "
        "`eigvals`: by the eigenvalues of the product, as torchmetrics has it. Difference: "
        f"relative, from scipy's value. {result.get('surroundings', '')}".rstrip()
    )


def _lines(name: str, found: Mapping[str, Any]) -> list[str]:
    size, _, case = name.partition(" ")
    taken = {way: dict(enumerate(values)) for way, values in found["seconds"].items()}
    said = []
    for way, values in taken.items():
        ratio = paired(taken["scipy"], values)
        cells = [size, case, str(found["samples"])] if way == "tlx" else ["", "", ""]
        cells += [f"**{way}**" if way == "tlx" else way, f"{sum(values.values()) / len(values):.3g}"]
        cells += ["", ""] if way == "scipy" else [f"{ratio} times as long", f"{found['difference'][way]:.1g}"]
        if way == "tlx" and int(size) in GOALS and case != "few":
            goal = GOALS[int(size)]
            cells[-2] += f" (goal {goal:g}: {speed(ratio, goal)})"
            cells[-1] += _verdict(DIFFERENCE_GOAL, found["difference"][way] < DIFFERENCE_GOAL)
        said.append(f"| {' | '.join(cells)} |")
    return said


def _verdict(goal: float, reached: bool) -> str:
    return f" (goal {goal:g}: {'reached' if reached else 'missed'})"


def main() -> int:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="result file, JSON")
    parser.add_argument("--repetitions", type=int, default=7, help="of every way")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(GOALS), help="dimensions")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--work", type=Path, default=Path("runs/bench"), help="folder for what does not last")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    out, log = options.work / "frechet.json", options.work / "frechet.log"
    result: dict[str, Any] = {
        "command": "python -m scripts.bench.frechet " + " ".join(sys.argv[1:]),
        "date": today(),
        "commit": commit(),
        "processor": processor(),
        "threads": 1,
        "cases": {},
    }
    for size in options.sizes:
        for case in options.cases:
            given = [f"size={size}", f"case={case}", f"repetitions={options.repetitions}", f"out={out}"]
            command = [sys.executable, "-m", "scripts.bench.rows.frechet_ways", *given]
            spent = run(command, thread_words(options.work / "caches" / "frechet"), log)
            if spent.code:
                raise SystemExit(f"{' '.join(given)}: {spent.said}")
            print(f"{' '.join(given)}: {spent.cpu:.0f} CPU s", flush=True)
            result["cases"][f"{size} {case}"] = json.loads(out.read_text(encoding="utf-8"))
            write(options.out, result)
    print(table(result["cases"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
