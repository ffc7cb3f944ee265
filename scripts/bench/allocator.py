"""What it saves, and what it costs, that freed memory is used again: processor seconds and the peak.

    python -m scripts.bench.allocator --out scripts/bench/results/allocator-DATE.json

Each pair is two processes of one thread that do the same, one of which keeps what it freed. The result file
is written after every pair.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.bench.measure import commit, processor, run, thread_words, today, write
from scripts.bench.ratios import Ratio, paired
from scripts.bench.rows.memory_kept import CASES

__all__ = ["table"]

SIDES = ("system", "kept")


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Kept over given back, for every case.

    Args:
        runs: With `case`, `memory`, `repetition`, `seconds` and `peak`.
    """
    lines = ["| network | pairs | processor time | peak |", "|---|---|---|---|"]
    for case in dict.fromkeys(entry["case"] for entry in runs):
        seconds, peak = (_ratio(runs, case, what) for what in ("seconds", "peak"))
        if seconds is not None:
            lines.append(f"| {case} | {seconds.pairs} | {seconds} | {peak} |")
    return "\n".join(lines)


def _ratio(runs: Sequence[Mapping[str, Any]], case: str, what: str) -> Ratio | None:
    of_case = [entry for entry in runs if entry["case"] == case]
    system, kept = (
        {entry["repetition"]: entry[what] for entry in of_case if entry["memory"] == side} for side in SIDES
    )
    return paired(kept, system)


def main() -> int:
    """Measure every pair and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="result file, JSON")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--work", type=Path, default=Path("runs/bench"), help="folder for what does not last")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    out, log = options.work / "allocator.json", options.work / "allocator.log"
    result: dict[str, Any] = {
        "command": "python -m scripts.bench.allocator --out FILE --pairs " + str(options.pairs),
        "date": today(),
        "commit": commit(),
        "processor": processor(),
        "threads": 1,
        "runs": [],
    }
    for repetition in range(options.pairs):
        for case in options.cases:
            for side in SIDES if repetition % 2 == 0 else SIDES[::-1]:
                words = [f"case={case}", f"memory={side}", f"out={out}"]
                command = [sys.executable, "-m", "scripts.bench.rows.memory_kept", *words]
                spent = run(command, thread_words(options.work / "caches" / "allocator"), log)
                if spent.code:
                    raise SystemExit(f"{case} {side}: {spent.said}")
                found = json.loads(out.read_text(encoding="utf-8"))
                result["runs"].append({"case": case, "memory": side, "repetition": repetition, **found})
            write(options.out, result)
    print(table(result["runs"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
