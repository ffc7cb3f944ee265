"""The questions of tlx asked of real photos, drawings and texts, one after the other.

    python -m scripts.answers.ask --places PHOTOS=FOLDER PACS=FOLDER ... --out FILE

What there is to ask, and which places it needs, stands in `scripts/answers/cases.py`. Every case is one
command, `tlx gain` and the like, and a process of its own on one thread; what frozen stages make of samples
is kept for those after it. The result file is written after every case. Run again with the same file, what is
there is kept and what was cut off goes on; `--cases` asks only some, and two commands may ask at once. The
tables are printed, and README shows those of the newest `scripts/answers/results/answers-*.json`.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.answers.cases import CASES, PLACES, Case, case_of, places_of, words
from scripts.answers.table import caption, markdown
from scripts.bench.measure import Spent, note, processor, run, saved, stamp, thread_words, today, write
from tlx.composition.compose import digest
from tlx.report.run_files import read_json

PACKAGES = ("python", "torch", "torchvision", "lightning", "transformers", "tlx")


def main() -> int:
    """Ask what is missing, write the result, print the tables; 1 where a question has no answer."""
    options = _options()
    places = _places(options.places)
    asked = [case_of(name) for name in options.cases]
    for case in asked:
        lacking = [place for place in places_of(case) if place not in places]
        if lacking:
            raise SystemExit(f"{case.name} needs --places {lacking[0]}=PATH: {PLACES[lacking[0]]}")
    for case in asked:
        told = [*case.words, *options.words]
        if any(entry["case"] == case.name and entry["words"] == told for entry in _read(options.out)["runs"]):
            print(f"{case.name}: is there already", flush=True)
            continue
        home = options.work.absolute() / f"{case.name}-{digest(told)}"
        spent = _ask(case, [*words(case, places), *options.words], home)
        result = _read(options.out)  # other cases may have been asked at the same time
        result["runs"] = [entry for entry in result["runs"] if entry["case"] != case.name]
        _collect(case, told, home, spent, places, result)
        write(options.out, result | {"date": today(), "processor": processor()})
    result = _read(options.out)
    print(f"{markdown(result)}\n\n{caption(result)}")
    for failure in result["failed"]:
        print(f"failed: {failure}")
    return 1 if result["failed"] else 0


def _read(path: Path) -> dict[str, Any]:
    return saved(path) or {"date": "", "processor": {}, "versions": {}, "runs": [], "failed": []}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=str(__doc__).splitlines()[0],
        epilog="; ".join(f"{n}: {what}" for n, what in PLACES.items()),
    )
    parser.add_argument("--places", nargs="+", required=True, metavar="NAME=PATH", help=", ".join(PLACES))
    parser.add_argument("--out", type=Path, required=True, help="file for the result, JSON; goes on with it")
    parser.add_argument("--work", type=Path, default=Path("runs/answers"), help="where answers live")
    names = [case.name for case in CASES]
    parser.add_argument(
        "--cases", nargs="+", choices=names, default=names, metavar="CASE", help=", ".join(names)
    )
    parser.add_argument("--words", nargs="+", default=[], metavar="KEY=VALUE", help="for every question")
    return parser.parse_args()


def _places(given: Sequence[str]) -> dict[str, Path]:
    """Names of places with where they are.

    Raises:
        SystemExit: There is no such place, or nothing is there.
    """
    found = {}
    for word in given:
        name, _, path = word.partition("=")
        if name not in PLACES:
            raise SystemExit(f"{name!r} is no place. There are {', '.join(PLACES)}")
        if not path or not Path(path).exists():
            raise SystemExit(f"nothing is at {word}: {PLACES[name]}")
        found[name] = Path(path).absolute()
    return found


def _ask(case: Case, told: Sequence[str], home: Path) -> Spent:
    """Ask, or go on where it was cut off; what it says goes to a file beside the answer."""
    home.parent.mkdir(parents=True, exist_ok=True)
    log = home.with_name(f"{home.name}.log")
    begun = (home / f"{case.verb}.yaml").is_file()
    print(f"{case.name}: {'goes on' if begun else 'begins'}, and says more in {log}", flush=True)
    argv = ["resume", str(home)] if begun else [case.verb, *told, f"run_dir={home}"]
    spent = run([sys.executable, "-m", "tlx.cli", *argv], thread_words(home.parent / "remembered"), log)
    print(f"{case.name}: {spent.cpu:.0f} CPU seconds", flush=True)
    return spent


def _collect(
    case: Case,
    told: Sequence[str],
    home: Path,
    spent: Spent,
    places: Mapping[str, Path],
    result: dict[str, Any],
) -> None:
    """Add the answer to the result, without where things lie on this machine."""
    entry = {"case": case.name, "words": list(told), **stamp(spent)}
    if spent.code:
        note(result, entry, ("case",), _portable(spent.said, places, home.parent))
        return
    found = json.loads(_portable(json.dumps(read_json(home / "result.json")), places, home.parent))
    versions = found.pop("versions")
    result["versions"] = {name: versions[name] for name in PACKAGES if name in versions}
    note(result, entry | {"answer": found}, ("case",), None)


def _portable(text: str, places: Mapping[str, Path], work: Path) -> str:
    """Text with the names of places in place of their paths.

    >>> _portable("/data/pacs/photo is empty", {"PACS": Path("/data/pacs")}, Path("/work"))
    'PACS/photo is empty'
    """
    for name, path in sorted({**places, "WORK": work}.items(), key=lambda pair: -len(str(pair[1]))):
        text = text.replace(str(path), name)
    return text


if __name__ == "__main__":
    sys.exit(main())
