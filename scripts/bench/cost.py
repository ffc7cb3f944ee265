"""What `tlx plan measure=true` foretells against what `tlx fit` then takes: seconds, memory, bytes kept.

    python -m scripts.bench.cost --photos FOLDER --out scripts/bench/results/NAME.json

Every pair is two processes of one thread with the same words, seed and empty cache, the plan first in
every other pair. Compared are the seconds from the first look for stored values of the first phase to the
end of the run, that is all phases and the end, without the start of the process; the most memory that the
process of the run held (ru_maxrss, which counts mapped files too); and the bytes of all values in the
cache's folder. The result file is written after every process; run again with the same file, what is
there is kept and what lacks is measured. `--clock cpu` counts processor seconds, for machines that others
use too; they leave out the waits for the disk.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.measure import note, processor, run, saved, stamp, thread_words, today, write
from scripts.bench.ratios import Ratio, paired

__all__ = ["CASES", "caption", "table", "verdict", "words"]

PHOTOS = ("data=folder", "data.root={material}/photos")
NETWORKS: dict[str, tuple[str, ...]] = {
    "tiny": ("model=tiny", "data=digits"),
    "resnet18": ("model=resnet18", "model.weights={material}/resnet18.pth", *PHOTOS),
    "squeezenet1_1": ("model=squeezenet1_1", "model.weights=null", *PHOTOS),
}
STRATEGIES: dict[str, tuple[str, ...]] = {
    "head": ("strategy=feature_extraction", "strategy.epochs={epochs}"),
    "gradual": (
        "strategy=gradual_unfreezing",
        "strategy.head_epochs={epochs}",
        "strategy.epochs_per_phase={epochs}",
    ),
    "partial": ("strategy=partial", "strategy.epochs={epochs}"),
    "full": ("strategy=full", "strategy.epochs={epochs}"),
}
CASES = tuple(f"{network}-{strategy}" for network in NETWORKS for strategy in STRATEGIES)
TITLES = {
    "head": "head only",
    "gradual": "gradual unfreezing",
    "partial": "last stage",
    "full": "full fine-tuning",
}
SIDES = ("plan", "fit")
ALLOWED = 0.25


def words(case: str, side: str, seed: int, epochs: int, places: dict[str, Path]) -> list[str]:
    """The command of one side of a pair.

    Args:
        case: One of `CASES`.
        side: "plan" or "fit".
        seed: Of the run.
        epochs: Of every phase.
        places: Folders: `material`, and where this side's `cache` and `run` lie.
    """
    network, _, strategy = case.partition("-")
    shared = [*NETWORKS[network], *STRATEGIES[strategy], "trainer=cpu", f"seed={seed}"]
    own = [f"cache.folder={places['cache']}"]
    own += ["measure=true"] if side == "plan" else [f"run_dir={places['run']}"]
    return [side, *own, *(word.format(epochs=epochs, **places) for word in shared)]


def verdict(ratio: Ratio) -> str:
    """Whether what was foretold lies within 25 % of what it took.

    >>> [verdict(Ratio(mean, low, high, 5)) for mean, low, high in ((1, 0.8, 1.2), (1, 0.7, 1.2), (2, 1, 4))]
    ['yes', 'the mean does', 'no']
    """
    low, high = 1 - ALLOWED, 1 + ALLOWED
    if not low <= ratio.mean <= high:
        return "no"
    if ratio.pairs == 1:
        return "once"
    return "yes" if low <= ratio.low and ratio.high <= high else "the mean does"


def table(result: dict[str, Any]) -> str:
    """All cases as Markdown, foretold over taken."""
    lines = [
        "| network | task | pairs | foretold | took | seconds | within 25 % | memory | within 25 % | kept |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        told, took = (_by_repetition(result, case, side) for side in SIDES)
        shared = sorted(told.keys() & took.keys())
        if not shared:
            continue
        network, _, strategy = case.partition("-")
        cells = [network, TITLES[strategy], str(len(shared))]
        cells += [f"{_mean(side, shared, 'seconds'):.1f} s" for side in (told, took)]
        for what in ("seconds", "memory"):
            ratio = _ratio(told, took, what)
            cells += [str(ratio), verdict(ratio)] if ratio else ["", ""]
        kept = _ratio(told, took, "cache")
        cells.append(str(kept) if kept else "none")
        lines.append(f"| {' | '.join(cells)} |")
    failed = [f"failed {run['case']} {run['side']}: {run['said']}" for run in result["failed"]]
    return "\n".join([*lines, *failed])


def caption(result: dict[str, Any]) -> str:
    """What was measured, and by which clock."""
    clock = {"cpu": "processor seconds", "wall": "seconds"}[result["clock"]]
    material = result.get("material", {})
    photos = f"{material['train']} photos to train and {material['val']} to validate, " if material else ""
    return (
        f"{result['date']}, {result['processor']['name']}, one thread, no loading processes, {clock}, "
        f"{result['epochs']} epochs a phase; {photos}pictures are varied where a stage trains. Foretold over "
        f"taken, means of pairs with 95 % intervals; `yes`: all of the interval lies within 25 %."
    )


def _by_repetition(result: dict[str, Any], case: str, side: str) -> dict[int, dict[str, float]]:
    return {
        run["repetition"]: run["found"]
        for run in result["runs"]
        if (run["case"], run["side"]) == (case, side)
    }


def _mean(side: dict[int, dict[str, float]], shared: list[int], what: str) -> float:
    return sum(side[n][what] for n in shared) / len(shared)


def _ratio(told: dict[int, dict[str, float]], took: dict[int, dict[str, float]], what: str) -> Ratio | None:
    """None where neither side has anything, as bytes of full fine-tuning."""
    above, below = ({n: found[what] for n, found in side.items()} for side in (told, took))
    if not all(below.values()) or not all(above.values()):
        return None
    return paired(above, below)


@dataclass
class Bench:
    """One run of the benchmark.

    Args:
        options: Of the command line.
        work: Where everything is written that does not last.
        result: What goes to the file.
    """

    options: argparse.Namespace
    work: Path
    result: dict[str, Any]

    def tasks(self) -> Iterator[tuple[str, int, str]]:
        """Each case of a repetition, both sides of it, then the next repetition."""
        done = {(run["case"], run["repetition"], run["side"]) for run in self.result["runs"]}
        for repetition in range(self.options.pairs):
            for case in self.options.cases:
                for side in SIDES if repetition % 2 == 0 else reversed(SIDES):
                    if (case, repetition, side) not in done:
                        yield case, repetition, side

    def measure(self, case: str, repetition: int, side: str) -> bool:
        """Run one side and write what it told or took; whether it ended well."""
        name = f"{case}-{side}-{repetition}"
        places = {"material": self.work / "material"} | {
            place: self.work / place / name for place in ("cache", "run")
        }
        out, log = self.work / f"{name}.json", self.work / f"{name}.log"
        out.unlink(missing_ok=True)
        told = words(case, side, repetition, self.options.epochs, places)
        own = [f"out={out}", f"clock={self.options.clock}"]
        command = [sys.executable, "-m", "scripts.bench.rows.cost_sides", *own, *told]
        spent = run(command, thread_words(self.work / "remembered" / name), log)
        entry = {
            "case": case,
            "repetition": repetition,
            "side": side,
            "seed": repetition,
            "command": " ".join(["tlx", *told]).replace(str(self.work), "WORK"),
            **stamp(spent),
        }
        for place in ("cache", "run", "remembered"):
            shutil.rmtree(self.work / place / name, ignore_errors=True)
        failed = None
        if spent.code:
            failed = spent.said.replace(str(self.work), "WORK").replace(str(Path.cwd()), ".")
        else:
            entry["found"] = json.loads(out.read_text(encoding="utf-8"))
        note(self.result, entry, ("case", "side"), failed)
        write(self.options.out, self.result)
        print(f"{name}: {'failed' if spent.code else 'done'}, {spent.wall:.1f} s", flush=True)
        return spent.code == 0


def main() -> int:
    """Read the arguments, set up, measure, print; 1 where a side failed."""
    options = _options()
    bench = Bench(options, options.work.absolute(), _result(options))
    (bench.work / "remembered").mkdir(parents=True, exist_ok=True)
    if any(not case.startswith("tiny-") for case in options.cases):
        if options.photos is None:
            raise SystemExit("--photos FOLDER, or --cases of tiny alone")
        from scripts.bench import material

        place = bench.work / "material"
        place.mkdir(parents=True, exist_ok=True)
        bench.result["material"] = material.write(options.photos, options.count, 0, place)
    well = [bench.measure(*task) for task in bench.tasks()]
    print(table(bench.result))
    return 0 if all(well) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add: Callable[..., Any] = parser.add_argument
    add("--out", type=Path, required=True, help="result file, JSON")
    add("--photos", type=Path, help="folder with real photos, at any depth")
    add("--count", type=int, default=1000, help="how many photos, a fifth of them for validation")
    add("--pairs", type=int, default=5, help="of every case, each of its own seed")
    add("--epochs", type=int, default=3, help="of every phase")
    add("--cases", nargs="+", default=list(CASES), choices=list(CASES), help="which cases")
    add("--clock", choices=("wall", "cpu"), default="wall", help="which seconds")
    add("--work", type=Path, default=Path("runs/bench-cost"), help="folder for what does not last")
    return parser.parse_args()


def _result(options: argparse.Namespace) -> dict[str, Any]:
    """The file's content, or that of a file to come; what does not change between its runs."""
    fixed = {"epochs": options.epochs, "clock": options.clock, "count": options.count, "threads": 1}
    before = saved(options.out)
    other = [key for key, value in fixed.items() if before and before.get(key) != value]
    if other:
        raise SystemExit(f"{options.out} was measured with another {', '.join(other)}; another --out")
    return before or {
        "command": f"python -m scripts.bench.cost --photos FOLDER --out FILE --count {options.count} "
        f"--pairs {options.pairs} --epochs {options.epochs} --clock {options.clock}",
        "date": today(),
        "processor": processor(),
        **fixed,
        "failed": [],
        "runs": [],
    }


if __name__ == "__main__":
    sys.exit(main())
