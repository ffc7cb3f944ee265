"""Attack real runs, count what holds, and write the figures down.

    python -m scripts.faults --kills 500 --writes 300 --flips 200 --rows

Kills at random batches over five kinds of runs and 0, 1 or 2 loading processes; kills inside the write
of a checkpoint; flipped bits; and the table of faults, whose rows are tests that start real processes.
What was measured goes to scripts/reliability/results.json and, as text, to RELIABILITY.md.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.reliability.document import document
from scripts.reliability.kills import kill_all
from scripts.reliability.overhead import overhead
from scripts.reliability.rows import run_rows
from scripts.reliability.writes import flip_bits, kill_writes
from tlx.conclusion import versions

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "scripts" / "reliability" / "results.json"
DOCUMENT = ROOT / "RELIABILITY.md"


def main() -> None:
    """Measure what was asked for; figures that were not asked for stay as they were."""
    arguments = _arguments()
    seed = arguments.seed
    figures = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        measures: dict[str, tuple[bool, Callable[[], Any]]] = {
            "kills": (arguments.kills > 0, lambda: _kills(home / "kills", arguments.kills, arguments.seed)),
            "writes": (
                arguments.writes > 0,
                lambda: kill_writes(home / "writes", arguments.writes, arguments.seed),
            ),
            "flips": (
                arguments.flips > 0,
                lambda: flip_bits(home / "flips", arguments.flips, arguments.seed),
            ),
            "overhead": (arguments.overhead, overhead),
            "rows": (arguments.rows, lambda: run_rows(arguments.report)),
        }
        for name, (asked, measure) in measures.items():
            if asked:
                figures[name] = measure() | _stamp(seed)
                print(json.dumps({name: figures[name]}, indent=1))
                RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    DOCUMENT.write_text(document(figures))
    sys.exit(_fails(figures))


def _kills(home: Path, count: int, seed: int) -> dict[str, Any]:
    rows = kill_all(home, count, seed)
    lost = [row["batches_lost"] for row in rows]
    by_kind = {}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        by_kind[kind] = [sum(r["killed"] and not r["differing"] for r in mine), len(mine)]
    return {
        "killed": sum(row["killed"] for row in rows),
        "bit_identical": sum(row["killed"] and not row["differing"] for row in rows),
        "by_kind": by_kind,
        "checkpoint_every_batches": 2,
        "batches_lost_mean": round(sum(lost) / len(lost), 2),
        "batches_lost_worst": max(lost),
        "differing": [row for row in rows if row["differing"]],
    }


def _stamp(seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "date": time.strftime("%Y-%m-%d"),
        "versions": versions(),
        "processor": _processor(),
    }


def _processor() -> str:
    """Its name, where the system tells; else its kind."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def _fails(figures: dict[str, Any]) -> bool:
    kills, writes, flips = (figures.get(name, {}) for name in ("kills", "writes", "flips"))
    return (
        kills.get("bit_identical") != kills.get("killed")
        or bool(writes.get("newest_unusable"))
        or flips.get("detected") != flips.get("flipped")
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Attack real runs and count what holds.")
    parser.add_argument("--kills", type=int, default=0, help="runs that are killed at a random batch")
    parser.add_argument("--writes", type=int, default=0, help="kills inside the write of a checkpoint")
    parser.add_argument("--flips", type=int, default=0, help="checkpoints in which a bit is flipped")
    parser.add_argument("--overhead", action="store_true", help="what a checkpoint costs")
    parser.add_argument("--rows", action="store_true", help="the tests of the table of faults")
    parser.add_argument("--report", type=Path, help="of pytest --junitxml, to read the rows from")
    parser.add_argument("--seed", type=int, default=0, help="draws the moments")
    return parser.parse_args()


if __name__ == "__main__":
    main()
