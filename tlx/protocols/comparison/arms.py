"""Runs that are compared: the same data, budget and seeds, and one thing that differs."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from tlx.figures import LAST_EPOCH, TRAIN_FIGURE, higher_is_better
from tlx.protocols.given import Given

__all__ = ["Arm", "Finished", "curve_of", "seeded", "train_arm", "tuned"]


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Args:
        name: Of its runs' folder.
        config: Of a fit; seed and rates vary from run to run.
    """

    name: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Args:
        folder: Its directory.
        seed: Of everything random in it.
        summary: What it says.
    """

    folder: Path
    seed: int
    summary: Mapping[str, Any]


def seeded(config: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The config with another seed, wherever it was referred to."""
    before = config["seed"]
    data = dict(config["data"])
    if data.get("seed") == before:
        data["seed"] = seed
    return {**config, "seed": seed, "data": data}


def train_arm(given: Given, arm: Arm, rate: float, seed: int, name: str = "") -> Finished:
    """Train one run of an arm, or go on with it; a finished one is only read.

    Args:
        given: Trains; the run lies in its folder.
        arm: What is trained.
        rate: Multiplies every rate of the plan.
        seed: Of the run.
        name: What else tells it from others of the arm.
    """
    folder = given.folder / "runs" / arm.name / f"{name}rate{rate:g}-seed{seed}"
    config = seeded(arm.config, seed) | {"rate_scale": rate, "page": False}
    is_new = not (folder / "summary.json").is_file()
    given.makers.train(folder, config)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    figure = monitored(config)
    said = f"{figure} {summary[figure]:.4f} in {summary['train/epochs']} epochs"
    if is_new:
        what = name.replace("-", ", ")
        given.say(f"{arm.name}: {what}rates times {rate:g}, seed {seed}: {said}")
    return Finished(folder, seed, summary)


def tuned(
    given: Given, arm: Arm, rates: Sequence[float], seeds: Sequence[int]
) -> tuple[float, dict[float, float]]:
    """The best of several rates by the validation figure, mean over seeds; the smaller one where they tie.

    Returns:
        The rate, and the mean of each.
    """
    figure = monitored(arm.config)
    means = {
        rate: fmean(float(train_arm(given, arm, rate, seed).summary[figure]) for seed in seeds)
        for rate in sorted(rates)
    }
    better = max if higher_is_better(figure) else min
    return better(means, key=lambda rate: means[rate]), means


def monitored(config: Mapping[str, Any]) -> str:
    """The validation figure that chooses; the task's headline where the last epoch counts."""
    if config["monitor"] != LAST_EPOCH:
        return str(config["monitor"])
    task = str(config["task"]["_target_"]).rpartition(".")[2].lower()
    return f"val/{TRAIN_FIGURE[task]}"


def curve_of(run: Finished, figure: str) -> list[float]:
    """A validation figure after each epoch."""
    with (run.folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [float(row[figure]) for row in csv.DictReader(file)]
