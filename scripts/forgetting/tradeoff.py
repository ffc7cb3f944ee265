"""What SqueezeNet forgets of ImageNet while it learns ants and bees, and what protecting it costs.

    python -m scripts.forgetting.tradeoff --imagenet FOLDER --photos FOLDER --weights FILE --out RESULT.json

`--imagenet` has a folder for each of the 1000 classes, named `0007_WHATEVER`: photos of even classes
protect, those of odd classes measure. `--photos` has `train/ants`, `train/bees`, `val/ants` and `val/bees`.
Each method is a sweep of `tlx fit experiment=ants_bees_forgetting` over strengths and seeds; a run that is
finished is not run again, and one that was cut off goes on. Beside RESULT.json, which has every run, comes
the plot as RESULT.svg; the table is printed, and README shows that of the newest
`scripts/forgetting/results/ants_bees-*.json`. `--words model.image_size=224` changes every run. All 105 runs
take a core about an hour and a half at the experiment's 128 pixels, and 4 GB of disk.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.bench.measure import commit, processor, today, write
from scripts.forgetting import halves
from scripts.forgetting.grid import SEEDS, STRENGTHS, Material, varied, words
from scripts.forgetting.plot import tradeoff
from scripts.forgetting.runs import entries, shared
from scripts.forgetting.table import caption, markdown
from scripts.sweeps import run_sweep
from tlx.composition.compose import digest


def main() -> int:
    """Write the halves, run the sweeps, write the result; 1 where a run failed."""
    options = _options()
    work = options.work.absolute()
    counts = halves.write(options.imagenet, work / "halves")
    result: dict[str, Any] = {
        "command": " ".join(["python -m scripts.forgetting.tradeoff", *shown(sys.argv[1:])]),
        "date": today(),
        "commit": commit(),
        "processor": processor(),
        "source": counts,
        "runs": [],
        "failed": [],
    }
    material = Material(
        options.photos.absolute(),
        options.imagenet.absolute(),
        work / "halves",
        options.weights.absolute(),
        counts["protecting"],
    )
    seeds = SEEDS[:1] if options.pilot else SEEDS
    for method in options.methods:
        strengths = STRENGTHS[method][:: 2 if options.pilot else 1]
        fixed = [*words(method, material), *options.words]
        home = work / "sweeps" / f"{method}-{digest(list(fixed))}"
        run_sweep("fit", method, [*fixed, *varied(method, strengths, seeds)], home, work / "cache")
        for entry in entries(method, home):
            if entry["seed"] in seeds and entry["strength"] in (strengths or (None,)):
                result["failed" if "reason" in entry else "runs"].append(entry)
        result |= shared(home)
        write(options.out, result)
    if result["runs"]:
        options.out.with_suffix(".svg").write_text(tradeoff(result), encoding="utf-8")
        print(f"{markdown(result)}\n\n{caption(result)}")
    for failure in result["failed"]:
        print(f"failed: {failure}")
    return 1 if result["failed"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--imagenet", type=Path, required=True, help="photos of the source, a folder a class")
    parser.add_argument("--photos", type=Path, required=True, help="ants and bees, in train and val")
    parser.add_argument("--weights", type=Path, required=True, help="weights of SqueezeNet 1.1, with a head")
    parser.add_argument("--out", type=Path, required=True, help="file for the result, JSON, and the plot")
    parser.add_argument("--work", type=Path, default=Path("runs/forgetting"), help="where runs live")
    parser.add_argument("--methods", nargs="+", choices=STRENGTHS, default=list(STRENGTHS))
    parser.add_argument("--pilot", action="store_true", help="one seed, every second strength")
    parser.add_argument("--words", nargs="+", default=[], metavar="KEY=VALUE", help="for every run")
    return parser.parse_args()


def shown(arguments: Sequence[str]) -> list[str]:
    """The arguments without the folders of this machine.

    >>> shown(["--photos", "/home/me/ants", "--words", "strategy.epochs=1"])
    ['--photos', 'ants', '--words', 'strategy.epochs=1']
    """
    return [Path(word).name if Path(word).is_absolute() else word for word in arguments]


if __name__ == "__main__":
    sys.exit(main())
