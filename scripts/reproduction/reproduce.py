"""Published figures of split and permuted MNIST, measured again.

    python -m scripts.reproduction.reproduce --mnist mnist.npz --out scripts/reproduction/results/NAME.json

Every case is a sweep of `tlx sequence experiment=...` over five seeds. A sequence that is finished is not
learned again, and one that was cut off goes on. The result file holds every sequence of every case in it,
those of earlier commands with the same file too; the table is printed, and README shows that of the newest
`scripts/reproduction/results/mnist-*.json`. A sequence of split MNIST takes a core about two minutes, one of
permuted MNIST, with five times as many steps of a larger network, about half an hour.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.bench.measure import commit, saved, today, write
from scripts.reproduction.cases import CASES, SEEDS, case_of, words
from scripts.reproduction.table import caption, markdown
from scripts.sweeps import run_sweep
from tlx.report.run_files import read_json
from tlx.report.sweep_jobs import read_jobs

PACKAGES = ("python", "torch", "torchvision", "lightning", "tlx")


def main() -> int:
    """Learn what is missing, write the result, print the table; 1 where a sequence failed."""
    options = _options()
    result = saved(options.out) or {"date": "", "commit": "", "versions": {}, "runs": [], "failed": []}
    work = options.work.absolute()
    fixed = [f"data.file={options.mnist.absolute()}", "trainer=cpu", "page=false"]
    for name in options.cases:
        told = [*words(case_of(name), options.seeds), *fixed, *options.words]
        home = run_sweep("sequence", name, told, work / name, work / "remembered")
        for kind in ("runs", "failed"):
            result[kind] = [entry for entry in result[kind] if entry["case"] != name]
        _collect(name, home, result, options.seeds, options.words)
        result |= {"date": today(), "commit": commit()}
        write(options.out, result)
    print(f"{markdown(result)}\n\n{caption(result)}")
    for failure in result["failed"]:
        print(f"failed: {failure}")
    return 1 if result["failed"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--mnist", type=Path, required=True, help="all of MNIST as a file of arrays")
    parser.add_argument("--out", type=Path, required=True, help="file for the result, JSON; goes on with it")
    parser.add_argument("--work", type=Path, default=Path("runs/reproduction"), help="where sequences live")
    names = [case.name for case in CASES]
    parser.add_argument(
        "--cases", nargs="+", type=_named, choices=names, default=names, metavar="CASE", help=", ".join(names)
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--words", nargs="+", default=[], metavar="KEY=VALUE", help="for every sequence")
    return parser.parse_args()


def _named(words: str) -> str:
    """The name of a case; its experiment, which tables show, names it as well."""
    return next((case.name for case in CASES if case.experiment == words), words)


def _collect(
    name: str, home: Path, result: dict[str, Any], seeds: Sequence[int], told: Sequence[str]
) -> None:
    """Add every sequence of a case: its average accuracy and its matrix, or why it has none."""
    for job in read_jobs(home):
        seed = int(job.seed or seeds[0])  # a single seed is no sweep over seeds
        entry = {"case": name, "seed": seed} | ({"words": list(told)} if told else {})
        if not job.finished:
            result["failed"].append(entry | {"reason": job.reason})
            continue
        found = read_json(home / "jobs" / job.name / "result.json")
        figures = {key: found[f"test/{key}"] for key in ("backward_transfer", "forgetting")}
        result["runs"].append(
            entry | {"accuracy": found["test/average_accuracy"], **figures, "matrix": found["matrix"]}
        )
        result["versions"] = {key: found["versions"][key] for key in PACKAGES}


if __name__ == "__main__":
    sys.exit(main())
