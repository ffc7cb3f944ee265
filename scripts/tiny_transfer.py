"""Measure how much the weights of `tiny` help on few labelled digits, and write the card.

    python scripts/tiny_transfer.py --out result.json --card tlx/backbones/weights/tiny_omniglot.json

Three ways to use the network on scikit-learn's digits with 5 and 10 labels per class: all of
it from random values, all of it from the shipped weights, and a linear head on frozen features.
Each has the same grid of peak rates and the same number of steps. For each number of labels
the rate is the one with the best mean accuracy on the validation split over the tuning seeds;
the pre-trained arm is whichever of its two ways did better there. Only then are the test split
and the ten other seeds looked at, once. A seed draws the labelled digits, the random values and
the order; both arms of a pair share it.
"""

import argparse
import json
import math
import platform
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sklearn
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from tlx.backbones.staged import StagedBackbone
from tlx.backbones.tiny import FEATURES, tiny
from tlx.data.digits import Digits
from tlx.heads.linear import Linear
from tlx.plan import rate_factor

LABELS = (5, 10)
RATES = (1e-3, 3e-3, 1e-2, 3e-2)
WAYS = ("scratch", "full", "frozen")
TUNING_SEEDS = (100, 101, 102)
SEEDS = tuple(range(10))
STUDENT = 2.262157  # 97.5 % point of Student's t with len(SEEDS) - 1 = 9 degrees of freedom
BATCH = 16


class Trial(NamedTuple):
    """One training run."""

    way: str
    per_class: int
    rate: float
    seed: int
    split: str


def main() -> None:
    """Read the arguments, tune, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="file for the results, JSON")
    parser.add_argument("--weights", default="omniglot", help="name or file of the weights")
    parser.add_argument("--card", type=Path, help="card to add the figures to, README.md beside it")
    parser.add_argument("--steps", type=int, default=150, help="optimizer steps of each run")
    parser.add_argument("--augment", action="store_true", help="random crops while the network trains")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each")
    options = parser.parse_args()
    settings = {"weights": options.weights, "steps": options.steps, "augment": options.augment}
    with ProcessPoolExecutor(options.workers, initializer=_one_thread) as pool:
        run = partial(accuracy, **settings)
        tuning = [
            Trial(way, k, rate, seed, "val")
            for k in LABELS for way in WAYS for rate in RATES for seed in TUNING_SEEDS
        ]  # fmt: skip
        validation = _means(tuning, list(pool.map(run, tuning)))
        chosen = {k: {way: _best_rate(validation, k, way) for way in WAYS} for k in LABELS}
        final = [Trial(w, k, chosen[k][w], seed, "test") for k in LABELS for w in WAYS for seed in SEEDS]
        measured = dict(zip(final, pool.map(run, final), strict=True))
    result: dict[str, Any] = {
        "command": " ".join(["python", "scripts/tiny_transfer.py", *_shown(sys.argv[1:])]),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__.partition("+")[0],
            "scikit-learn": sklearn.__version__,
        },
        "protocol": {
            "rates": list(RATES), "batch_size": BATCH, "steps": options.steps, "augment": options.augment,
            "optimizer": "AdamW, weight decay 0.01, warm-up over 10 % of the steps, cosine",
            "tuning_seeds": list(TUNING_SEEDS), "seeds": list(SEEDS),
            "samples": {name: len(data(name)[1]) for name in ("train", "val", "test")},
        },
        "per_class": {str(k): _row(k, validation, chosen[k], measured) for k in LABELS},
    }  # fmt: skip
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    for k, row in result["per_class"].items():
        print(k, "labels:", {w: row[w]["mean"] for w in WAYS}, row["pretrained"], row["difference"])
    if options.card:
        card = json.loads(options.card.read_text("utf-8")) | {"transfer": result}
        options.card.write_text(json.dumps(card, indent=1) + "\n", "utf-8")
        options.card.with_name("README.md").write_text(readme(card), "utf-8")


def _one_thread() -> None:
    torch.set_num_threads(1)


def _shown(arguments: Sequence[str]) -> list[str]:
    """The arguments without the folders of this machine."""
    return [Path(a).name if Path(a).is_absolute() else a for a in arguments]


@cache
def data(split: str) -> tuple[list[Any], Tensor]:
    """Pictures and labels of a split of the digits; the same for every seed."""
    found = getattr(Digits(val_fraction=0.2, test_fraction=0.3, split_seed=0).splits(), split)
    return [found.read(i) for i in range(len(found))], torch.from_numpy(found.labels)


@cache
def prepared(split: str) -> Tensor:
    """A split as the network reads it, shape (N, 1, 32, 32)."""
    preprocessing = tiny(None).preprocessing
    return torch.stack([preprocessing.prepare(picture) for picture in data(split)[0]])


@cache
def frozen(weights: str, split: str) -> Tensor:
    """Features of a split by the weights as they are, shape (N, D)."""
    with torch.no_grad():
        features: Tensor = tiny(weights).eval()(prepared(split))
    return features


def labelled(per_class: int, seed: int) -> Tensor:
    """Positions of the labelled digits in the training split."""
    labels = data("train")[1].numpy()
    draw = np.random.default_rng(seed)
    chosen = [draw.permutation(np.flatnonzero(labels == c))[:per_class] for c in range(10)]
    return torch.from_numpy(np.concatenate(chosen))


def accuracy(trial: Trial, weights: str, steps: int, augment: bool) -> float:
    """Train as `trial` says, and measure the accuracy on its split."""
    torch.manual_seed(trial.seed)
    head = Linear(FEATURES, 10)
    backbone = tiny(None if trial.way == "scratch" else weights)
    if trial.way == "frozen":
        network: nn.Module = head
        inputs_of, seen = frozen(weights, "train").__getitem__, frozen(weights, trial.split)
    else:
        network, seen = nn.Sequential(backbone, head), prepared(trial.split)
        draws = Generator().manual_seed(trial.seed)
        inputs_of = partial(_augmented, backbone, draws) if augment else prepared("train").__getitem__
    _train(network, inputs_of, trial, steps)
    with torch.no_grad():
        right = network.eval()(seen).argmax(1) == data(trial.split)[1]
    return float(right.double().mean())


def _augmented(backbone: StagedBackbone, draws: Generator, positions: Tensor) -> Tensor:
    pictures = data("train")[0]
    return torch.stack([backbone.preprocessing.augment(pictures[i], draws, flip=False) for i in positions])


def _train(network: nn.Module, inputs_of: Any, trial: Trial, steps: int) -> None:
    rows, targets = labelled(trial.per_class, trial.seed), data("train")[1]
    optimizer = torch.optim.AdamW(network.parameters(), lr=trial.rate, weight_decay=0.01)
    generator, order = Generator().manual_seed(trial.seed), torch.empty(0, dtype=torch.int64)
    network.train()
    for step in range(steps):
        if len(order) < BATCH:
            order = torch.cat([order, rows[torch.randperm(len(rows), generator=generator)]])
        now, order = order[:BATCH], order[BATCH:]
        optimizer.param_groups[0]["lr"] = trial.rate * rate_factor("cosine", step, steps, 0.1)
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(network(inputs_of(now)), targets[now]))
        optimizer.step()


def _means(trials: Sequence[Trial], accuracies: Sequence[float]) -> dict[tuple[int, str, float], float]:
    kept: dict[tuple[int, str, float], list[float]] = {}
    for trial, value in zip(trials, accuracies, strict=True):
        kept.setdefault((trial.per_class, trial.way, trial.rate), []).append(value)
    return {key: statistics.fmean(values) for key, values in kept.items()}


def _best_rate(validation: dict[tuple[int, str, float], float], per_class: int, way: str) -> float:
    return max(RATES, key=lambda rate: validation[per_class, way, rate])


def _row(
    per_class: int,
    validation: dict[tuple[int, str, float], float],
    chosen: dict[str, float],
    measured: dict[Trial, float],
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for way in WAYS:
        test = [measured[Trial(way, per_class, chosen[way], seed, "test")] for seed in SEEDS]
        tried = {f"{rate:g}": round(validation[per_class, way, rate], 4) for rate in RATES}
        row[way] = {"validation": tried, "rate": chosen[way], "test": test, **interval(test)}
    best = max(("full", "frozen"), key=lambda way: validation[per_class, way, chosen[way]])
    pairs = [p - s for p, s in zip(row[best]["test"], row["scratch"]["test"], strict=True)]
    return row | {"pretrained": best, "difference": interval(pairs)}


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and 95 % interval by Student's t over the ten seeds."""
    half = STUDENT * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def readme(card: dict[str, Any]) -> str:
    """The card for people, from the card for machines."""
    rows, transfer, recipe = [], card["transfer"], card["recipe"]
    for k, row in transfer["per_class"].items():
        cells = [_percent(row[way]) for way in WAYS]
        rows.append(f"| {k} | {' | '.join(cells)} | {_percent(row['difference'])} ({row['pretrained']}) |")
    protocol, samples = transfer["protocol"], transfer["protocol"]["samples"]
    crops = "with" if protocol["augment"] else "without"
    rates = ", ".join(f"{rate:g}" for rate in protocol["rates"])
    source = "\n".join(f"| {view} | {100 * value:.2f} |" for view, value in card["source_accuracy"].items())
    hashes = "\n".join(f"    {digest}  {name}" for name, digest in card["sha256"].items())
    versions = ", ".join(f"{name} {version}" for name, version in transfer["versions"].items())
    return f"""# {card["name"]}

<!-- written by scripts/tiny_transfer.py from {card["name"]}.json -->

Weights of the built-in backbone `tiny`: a residual network of {card["parameters"]} parameters
that reads 32 x 32 grey pictures, ink bright on dark. Its {len(card["classes"])} original classes
and their names are part of it.

* Source: {card["source"]}.
* Licence: {card["licence"]}.
* Recipe: {recipe["optimizer"]}; {recipe["epochs"]} epochs, batches of {recipe["batch_size"]}, peak rate
  {recipe["rate"]}, weight decay {recipe["weight_decay"]}, {recipe["precision"]}, seed {card["seed"]};
  varied in {recipe["varied"]}. {card["core_minutes"]} minutes of a core, torch
  {card["versions"]["torch"]}, {card["date"]}: `python scripts/pretrain_tiny.py omniglot.tar --out DIR`.
* Mean and covariance of its features over the held-out drawings: `{card["name"]}_features.safetensors`.

SHA-256:

{hashes}

## Accuracy at the source

On drawings {", ".join(map(str, card["held_out"]["drawings"]))} of each character, which did not train
({card["held_out"]["samples"]} drawings, {len(card["classes"])} classes), by stroke width and resolution:

| shown as | accuracy, % |
|---|---|
{source}

## What it gives on few labelled digits

Test accuracy in %, mean of {len(protocol["seeds"])} seeds with 95 % interval, and the paired
difference between the pre-trained arm (in brackets) and scratch:

| labels per class | scratch | full fine-tuning | frozen features and a head | difference |
|---|---|---|---|---|
{chr(10).join(rows)}

scikit-learn's digits: {samples["train"]} to draw labels from, {samples["val"]} for validation,
{samples["test"]} for test, stratified and the same for every seed. {protocol["optimizer"]};
{protocol["steps"]} steps of {protocol["batch_size"]}, {crops} random crops.
The rate, of {rates}, was chosen for each way and number of labels by mean
validation accuracy over {len(protocol["tuning_seeds"])} other seeds, and so was the way of the
pre-trained arm; the test split was not used for it. Every rate tried is in the JSON.

`{transfer["command"]}`; {versions}; {transfer["date"]}.
"""


def _percent(value: dict[str, float]) -> str:
    return f"{100 * value['mean']:.1f} [{100 * value['low']:.1f}, {100 * value['high']:.1f}]"


if __name__ == "__main__":
    main()
