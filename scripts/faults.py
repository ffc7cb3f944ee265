"""Kill real runs at random moments, resume them, and count how many end in the same bits.

    python -m scripts.faults --kills 30 --out faults.json

Each run trains a small residual network with BatchNorm, dropout and augmentation through a
gradual unfreezing whose phases end on plateaus. A fork server makes hundreds of kills affordable.
"""

import argparse
import json
import platform
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.faults.outcome import differences, epochs, outcome
from tests.faults.processes import run_process
from tlx.checkpoint.durable import newest
from tlx.conclusion import versions

BATCHES_PER_EPOCH = 7  # 52 samples in batches of 8


def main() -> None:
    """Run the kills and print the figures."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        whole = home / "whole"
        if run_process(whole) != [0]:
            sys.exit("the run that is never killed failed")
        expected = outcome(whole)
        batches = BATCHES_PER_EPOCH * len(epochs(whole))
        draw = random.Random(arguments.seed)
        kills = [_kill(home / str(n), draw, batches, expected) for n in range(arguments.kills)]
    figures = _figures(kills, batches)
    print(json.dumps(figures, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(figures | {"kills": kills}, indent=1))
    sys.exit(figures["bit_identical"] != figures["killed"])


def _kill(folder: Path, draw: random.Random, batches: int, expected: dict[str, Any]) -> dict[str, Any]:
    batch, workers = draw.randrange(batches), draw.choice((0, 2))
    hook = draw.choice(("on_train_batch_start", "on_train_batch_end"))
    # The counter starts anew in every process, and a process here trains every phase.
    killed = run_process(folder, kill=(hook, batch), workers=workers)
    path = newest(folder / "checkpoints") if (folder / "checkpoints").is_dir() else None
    saved = int(path.stem) // 2 if path else 0
    done = batch + (hook == "on_train_batch_end")
    started = time.monotonic()
    resumed = run_process(folder, workers=workers)
    differing = differences(outcome(folder), expected) if resumed == [0] else ["did not finish"]
    return {
        "hook": hook,
        "batch": batch,
        "workers": workers,
        "killed": killed == [-9],
        "batches_lost": done - saved,
        "seconds_to_the_end": round(time.monotonic() - started, 2),
        "differing": differing,
    }


def _figures(kills: list[dict[str, Any]], batches: int) -> dict[str, Any]:
    lost = [kill["batches_lost"] for kill in kills]
    return {
        "killed": sum(kill["killed"] for kill in kills),
        "bit_identical": sum(kill["killed"] and not kill["differing"] for kill in kills),
        "batches_in_a_run": batches,
        "checkpoint_every_batches": 2,
        "batches_lost_mean": sum(lost) / len(lost),
        "batches_lost_worst": max(lost),
        "date": time.strftime("%Y-%m-%d"),
        "versions": versions(),
        "processor": platform.processor() or platform.machine(),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill runs at random moments and compare their ends.")
    parser.add_argument("--kills", type=int, default=30, help="how many runs are killed")
    parser.add_argument("--seed", type=int, default=0, help="draws the moments")
    parser.add_argument("--out", type=Path, help="where the figures go as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
