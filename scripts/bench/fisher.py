"""The diagonal Fisher of tlx against a loop over samples and against torch.func, on a CPU with one thread.

    python -m scripts.bench.fisher --out scripts/bench/results/fisher-DATE.json

CPU seconds are taken in one process, all ways in turn, and divided repetition by repetition; the most memory
of each way in a process of its own; the error against the plain loop, and of that against double
precision. The result file is written after every case. `--samples 8 --repetitions 2` shows in a minute
that it runs.
"""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.bench.measure import commit, processor, run, thread_words
from scripts.bench.ratios import paired, speed

__all__ = ["CASES", "GOALS", "caption", "measured", "table"]

CASES = {"resnet20": 256, "bert": 256, "resnet18": 128}
"""Samples of each case."""
GOALS = {"resnet20": 2.0, "bert": 1.4, "resnet18": 1.1}
"""How many times as long a loop over samples takes."""
MEMORY_GOAL, ERROR_GOAL = 1 / 3, 2e-4
TITLES = {
    "resnet20": "ResNet-20, 32 x 32",
    "bert": "BERT, 4 layers of 128, 64 tokens",
    "resnet18": "ResNet-18, 224 x 224",
}
ERROR_SAMPLES = 8


def measured(
    name: str, samples: int, repetitions: int, call: Callable[[list[str]], dict[str, Any]]
) -> dict[str, Any]:
    """Everything about one case.

    Args:
        name: The case.
        samples: How many.
        repetitions: Of every way.
        call: Runs a process with these words and gives what it wrote.
    """
    words = [f"case={name}", f"samples={samples}"]
    timed = call([*words, "what=seconds", f"repetitions={repetitions}"])
    memory = {way: call([*words, "what=memory", f"way={way}"])["bytes"] for way in timed["seconds"]}
    error = call([f"case={name}", f"samples={min(samples, ERROR_SAMPLES)}", "what=error"])["error"]
    return {**timed, "samples": samples, "memory": memory, "error": error}


def table(cases: dict[str, dict[str, Any]]) -> str:
    """All cases as Markdown, each goal with whether it is reached."""
    head = [
        "| network | way | ms a sample | a loop takes | extra memory | error |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(line for name, found in cases.items() for line in _lines(name, found))])


def caption(result: dict[str, Any]) -> str:
    """What was measured, and on what."""
    samples = ", ".join(f"{found['samples']} of {TITLES[name]}" for name, found in result["cases"].items())
    versions = sorted({found["versions"]["torch"].partition("+")[0] for found in result["cases"].values()})
    return (
        f"{result['date']}, {result['processor']['name']}, one thread, torch {', '.join(versions)}; samples: "
        f"{samples}. Processor seconds, ratios paired by repetition with 95 % intervals. Extra memory: the "
        "most beyond what there was before. Error: of the loop against double precision, of the others "
        f"against the loop. {result.get('surroundings', '')}".rstrip()
    )


def _lines(name: str, found: dict[str, Any]) -> list[str]:
    seconds = {way: dict(enumerate(values)) for way, values in found["seconds"].items()}
    vmap = next(way for way in seconds if way.startswith("vmap"))
    said = []
    for way, values in seconds.items():
        ratio = paired(seconds["naive"], values)
        error = found["error"]["vmap-4" if way == vmap else way]
        cells = [
            TITLES[name] if way == "naive" else "",
            "**tlx**" if way == "tlx" else way,
            f"{1000 * sum(values.values()) / len(values) / found['samples']:.1f}",
            "" if way == "naive" else f"{ratio} times as long",
            f"{found['memory'][way] / 2**20:.0f} MiB",
            f"{error:.1g}",
        ]
        if way == "tlx":
            share = found["memory"][way] / found["memory"][vmap]
            cells[3] += f" (goal {GOALS[name]:g}: {speed(ratio, GOALS[name])})"
            cells[4] += f", {share:.2f} of {vmap}" + _verdict(round(MEMORY_GOAL, 2), share <= MEMORY_GOAL)
            cells[5] += _verdict(ERROR_GOAL, error <= ERROR_GOAL)
        said.append(f"| {' | '.join(cells)} |")
    return said


def _verdict(goal: float, reached: bool) -> str:
    return f" (goal {goal:g}: {'reached' if reached else 'missed'})"


def main() -> int:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="result file, JSON")
    parser.add_argument("--repetitions", type=int, default=7, help="of every way")
    parser.add_argument("--samples", type=int, help="at most so many of each case")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--work", type=Path, default=Path("runs/bench"), help="folder for what does not last")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    out, log = options.work / "fisher.json", options.work / "fisher.log"

    def call(words: list[str]) -> dict[str, Any]:
        command = [sys.executable, "-m", "scripts.bench.rows.fisher_loops", *words, f"out={out}"]
        spent = run(command, thread_words(options.work / "caches" / "fisher"), log)
        if spent.code:
            raise SystemExit(f"{' '.join(words)}: {spent.said}")
        print(f"{' '.join(words)}: {spent.cpu:.0f} CPU s", flush=True)
        found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return found

    result: dict[str, Any] = {
        "command": "python -m scripts.bench.fisher " + " ".join(sys.argv[1:]),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "processor": processor(),
        "threads": 1,
        "cases": {},
    }
    for name in options.cases:
        samples = min(CASES[name], options.samples or CASES[name])
        result["cases"][name] = measured(name, samples, options.repetitions, call)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result["cases"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
