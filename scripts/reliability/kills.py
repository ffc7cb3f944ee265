"""Runs of several kinds, killed at random batches, resumed, and compared with the run that was not killed."""

import functools
import random
import time
from pathlib import Path
from typing import Any

from tests.faults.jobs import PLATEAU
from tests.faults.outcome import differences, epochs, outcome
from tests.faults.processes import run_process
from tlx.cache.settings import CacheSettings
from tlx.checkpoint.durable import newest
from tlx.strategies.discriminative import discriminative
from tlx.strategies.feature_extraction import feature_extraction
from tlx.strategies.full import full
from tlx.strategies.lp_ft import lp_ft

__all__ = ["kill_all", "kinds"]

BATCHES_PER_EPOCH = 7  # 52 samples in batches of 8
WORKERS = (0, 1, 2)


def kinds(features: Path) -> dict[str, dict[str, Any]]:
    """Five strategies, each with something else that has a state or is drawn at random.

    Args:
        features: Where frozen parts are kept, by the runs that keep any.
    """
    kept = CacheSettings(ram=0.0, disk=1.0, folder=str(features))
    return {
        "full": {"strategy": functools.partial(full, epochs=4), "ema": 0.9, "mixup": 0.4},
        "gradual_unfreezing": {"strategy": PLATEAU},
        "lp_ft": {"strategy": functools.partial(lp_ft, head_epochs=2, epochs=3), "cache": kept},
        "feature_extraction": {
            "strategy": functools.partial(feature_extraction, epochs=5, patience=2),
            "augment": "none",
            "cache": kept,
        },
        "discriminative": {
            "strategy": functools.partial(discriminative, epochs=4),
            "accumulate_grad_batches": 2,
            "gradient_clip_val": 1.0,
        },
    }


def no_page() -> None:
    """A page costs more than the training, and is no part of what is compared."""
    import tlx.conclusion

    setattr(tlx.conclusion, "write_page", lambda folder: folder)  # noqa: B010 - it is not exported


def kill_all(home: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Kill `count` runs in all, one kind after another, and resume each with other workers.

    Args:
        home: An empty folder.
        count: Of kills.
        seed: Draws the moments.
    """
    draw, rows = random.Random(seed), []
    for number, (kind, job) in enumerate(kinds(home / "features").items()):
        whole = home / kind / "whole"
        if run_process(whole, prepare=no_page, **job) != [0]:
            raise SystemExit(f"the {kind} run that is never killed failed")
        expected, batches = outcome(whole), BATCHES_PER_EPOCH * len(epochs(whole))
        share = count // 5 + (number < count % 5)
        rows += [_kill(home / kind / str(n), kind, job, draw, batches, expected) for n in range(share)]
    return rows


def _kill(
    folder: Path,
    kind: str,
    job: dict[str, Any],
    draw: random.Random,
    batches: int,
    expected: dict[str, Any],
) -> dict[str, Any]:
    batch, workers, later = draw.randrange(batches), draw.choice(WORKERS), draw.choice(WORKERS)
    hook = draw.choice(("on_train_batch_start", "on_train_batch_end"))
    killed = run_process(folder, kill=(hook, batch), prepare=no_page, **job | {"workers": workers})
    path = newest(folder / "checkpoints") if (folder / "checkpoints").is_dir() else None
    saved = int(path.stem) // 2 if path else 0
    started = time.monotonic()
    resumed = run_process(folder, prepare=no_page, **job | {"workers": later})
    return {
        "kind": kind,
        "hook": hook,
        "batch": batch,
        "workers": [workers, later],
        "killed": killed == [-9],
        "batches_lost": batch + (hook == "on_train_batch_end") - saved,
        "seconds_to_the_end": round(time.monotonic() - started, 2),
        "differing": differences(outcome(folder), expected) if resumed == [0] else ["did not finish"],
    }
