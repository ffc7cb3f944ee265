"""tlx against a plain loop, Lightning, fastai and finetuning-scheduler on a frozen ResNet-18 at 224.

    python -m scripts.bench.frozen --photos FOLDER --out scripts/bench/results/NAME.json

Makes ten classes of the photos, sets up an environment for each peer, runs every row as a process of
one thread, one repetition of all rows after the other, and prints a table. The result file is written
after every process; run again with the same file, what is there is kept and what lacks is measured.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from scripts.bench.cases import Case, Row, cases
from scripts.bench.environments import PEERS, Environment, make
from scripts.bench.measure import commit, note, processor, run, saved, stamp, thread_words, today, write
from scripts.bench.table import report

MODULES = {
    "plain": "plain_loop",
    "lightning": "through_lightning",
    "fastai": "through_fastai",
    "finetuning-scheduler": "through_scheduler",
}
STARTUPS = 5
"""Repetitions of what takes less than a second."""


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
    environments: dict[str, Environment] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def tasks(self) -> Iterator[tuple[Case, Row, int]]:
        """Every row of a repetition, then the next repetition: A B A B."""
        known = cases(self.options.epochs, self.options.full_epochs)
        done = {(run["case"], run["row"], run["repetition"]) for run in self.result["runs"]}
        for repetition in range(max(self.options.repetitions, STARTUPS)):
            for name in self.options.cases:
                most = STARTUPS if name == "startup" else self.options.repetitions
                if name in self.result["skipped"] or repetition >= most:
                    continue
                for row in known[name].rows:
                    wanted = not self.options.rows or row.name in self.options.rows
                    if wanted and (name, row.name, repetition) not in done:
                        yield known[name], row, repetition

    def measure(self, task: tuple[Case, Row, int]) -> bool:
        """Run one row and write what it took; whether it ended well."""
        case, row, repetition = task
        name = f"{case.name}-{row.name}-{repetition}"
        out, log = self.work / f"{name}.json", self.work / f"{name}.log"
        out.unlink(missing_ok=True)
        command = self._command(case, row, name, out)
        spent = run(command, thread_words(self.work / "caches" / name), log)
        found: dict[str, Any] = json.loads(out.read_text()) if out.is_file() else {}
        entry = {
            "case": case.name,
            "row": row.name,
            "repetition": repetition,
            "peer": row.peer,
            "setting": row.setting,
            "augmentation": row.augmentation,
            "command": self._shown(command, row),
            **stamp(spent),
            **found,
        }
        for place in ("runs", "features", "caches"):
            shutil.rmtree(self.work / place / name, ignore_errors=True)
        with self.lock:
            failed = self._plain(spent.said) if spent.code else None
            note(self.result, entry, ("case", "row"), failed)
            write(self.options.out, self.result)
            said = f"failed: {spent.said}" if spent.code else f"{entry.get('batches', float('nan')):.2f} s"
            print(f"{name}: {said}, process {spent.cpu:.2f} s\n    {entry['command']}", flush=True)
        return spent.code == 0

    def _command(self, case: Case, row: Row, name: str, out: Path) -> list[str]:
        places = {"material": self.work / "material", "seed": self.options.seed}
        words = [word.format(**places) for word in row.words]
        if row.peer != "tlx":
            python = self.environments[row.peer].python if row.peer != "plain" else Path(sys.executable)
            own = [f"material={places['material']}", f"out={out}"]
            return [str(python), "-m", f"scripts.bench.rows.{MODULES[row.peer]}", *words, *own]
        if case.name == "startup":
            return [sys.executable, "-m", "tlx.cli", *words]
        where = "sweep_dir" if "-m" in words else "run_dir"
        own = [f"{where}={self.work / 'runs' / name}", f"cache.folder={self.work / 'features' / name}"]
        words = [words[0], *own, *words[1:]]
        if "-m" in words:
            return [sys.executable, "-m", "tlx.cli", *words]
        return [sys.executable, "-m", "scripts.bench.rows.through_tlx", f"out={out}", *words]

    def _shown(self, command: list[str], row: Row) -> str:
        words = " ".join(["python", *command[1:]])
        shown = self._plain(words).replace("-m tlx.cli", "tlx", 1)
        return shown.removeprefix("python ") if shown.startswith("python tlx") else shown

    def _plain(self, text: str) -> str:
        return text.replace(str(self.work), "WORK").replace(str(Path.cwd()), ".")


def main() -> int:
    """Read the arguments, set up, measure, print; 1 where a row failed."""
    options = _options()
    bench = Bench(options, options.work.absolute(), _result(options))
    (bench.work / "caches").mkdir(parents=True, exist_ok=True)
    from scripts.bench import material

    bench.result["material"] = material.write(options.photos, options.count, options.seed, _made(bench.work))
    reasons = {name: _why_not(case) for name, case in cases().items()}
    bench.result["skipped"] = {name: why for name, why in reasons.items() if why}
    peers = {row.peer for _, row, _ in bench.tasks()} & PEERS.keys()
    for peer in sorted(peers):
        bench.environments[peer] = make(peer, options.environments.absolute(), not options.own_torch)
        bench.result["environments"][peer] = bench.environments[peer].what
    with ThreadPoolExecutor(options.at_once) as pool:
        well = list(pool.map(bench.measure, list(bench.tasks())))
    print(report(bench.result))
    return 0 if all(well) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add: Callable[..., Any] = parser.add_argument
    add("--photos", type=Path, required=True, help="folder with real photos, at any depth")
    add("--out", type=Path, required=True, help="result file, JSON")
    add("--count", type=int, default=1000, help="how many photos, a fifth of them for validation")
    add("--repetitions", type=int, default=3, help="of every row")
    add("--epochs", type=int, default=5, help="of every phase")
    add("--full-epochs", type=int, default=1, help="of full fine-tuning")
    add("--cases", nargs="+", default=list(cases()), choices=list(cases()), help="which cases")
    add("--rows", nargs="+", default=[], help="which rows of them, all by default")
    add("--seed", type=int, default=0, help="of weights, head and order")
    add("--work", type=Path, default=Path("runs/bench"), help="folder for what does not last")
    add("--environments", type=Path, default=Path("runs/bench/environments"), help="folder for the peers'")
    add("--own-torch", action="store_true", help="install torch into each environment anew")
    add("--at-once", type=int, default=1, help="processes side by side, at most one a core")
    return parser.parse_args()


def _result(options: argparse.Namespace) -> dict[str, Any]:
    """The file's content, or that of a file to come; what does not change between its runs."""
    fixed: dict[str, Any] = {"epochs": options.epochs, "full_epochs": options.full_epochs}
    fixed |= {"batch_size": 32, "threads": 1, "seed": options.seed, "commit": commit()}
    before = saved(options.out)
    other = [key for key, value in fixed.items() if before and before.get(key) != value]
    if other:
        raise SystemExit(f"{options.out} was measured with another {', '.join(other)}; another --out")
    if before and before["material"]["photos"] != options.count:
        raise SystemExit(f"{options.out} was measured on {before['material']['photos']} photos")
    return before or {
        "command": f"python -m scripts.bench.frozen --photos FOLDER --out FILE --count {options.count} "
        f"--repetitions {options.repetitions} --at-once {options.at_once}",
        "date": today(),
        "processor": processor(),
        **fixed,
        "at_once": options.at_once,
        "sweep_runs": 12,
        "environments": {},
        "skipped": {},
        "failed": [],
        "runs": [],
    }


def _made(folder: Path) -> Path:
    material = folder / "material"
    material.mkdir(parents=True, exist_ok=True)
    return material


def _why_not(case: Case) -> str:
    """Why a case cannot be measured here; empty where it can."""
    from tlx.api import compose
    from tlx.errors import TlxError

    if "bf16" in case.needs and "amx_bf16" not in processor()["flags"]:
        return "the processor has no AMX: bf16 is emulated there, and slower than fp32"
    if "memory_format" in case.needs:
        try:
            compose("fit", ["trainer.memory_format=channels_last"])
        except TlxError as error:
            return f"this tlx does not take trainer.memory_format: {error.what}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
