"""A finished run at work: test it, predict with it, load it. All of it from the bundle alone."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tlx.checkpoint.bundle import Bundle, load_bundle
from tlx.checkpoint.durable import write_durably
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError, DataError
from tlx.evaluation import evaluate, to_device
from tlx.modules.network import Network
from tlx.trainer import TrainerSettings, World
from tlx.types import Batch, Inputs, Preprocessing, Split

__all__ = ["Transform", "load", "predict", "score"]

BUNDLE = "bundle"


class Transform:
    """Raw samples to what a loaded network reads, just as in training without augmentation.

    Args:
        preprocessing: The bundle's.
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing

    def __call__(self, samples: Any) -> Inputs:
        """One sample or a list of them (PIL images, or strings) as a batch, first axis B."""
        several = samples if isinstance(samples, list | tuple) else [samples]
        return self.preprocessing.collate([self.preprocessing.prepare(sample) for sample in several])


def load(run: str | Path) -> tuple[Network, Transform]:
    """The network of a finished run, in evaluation mode, and the transform it needs.

    Args:
        run: A run directory, or a bundle.

    Raises:
        CheckpointError: The run has no bundle, or it is damaged.
    """
    bundle = _bundle(Path(run))
    return bundle.network, Transform(bundle.preprocessing)


def score(run: Path, data: TransferData, settings: TrainerSettings, split: str = "test") -> dict[str, Any]:
    """Score a finished run on a split of some data; the training classes are imposed.

    Args:
        run: A run directory, or a bundle.
        data: Its own data, or other data of the same classes.
        settings: Where to compute.
        split: `train`, `val` or `test`.

    Returns:
        An entry as in evaluation.json, without the mistakes' pictures.

    Raises:
        DataError: The data has a class that the network does not know.
        ConfigError: The data has no such split.
    """
    bundle = _bundle(run)
    chosen = _split(data, split)
    mapping = _imposed(bundle.classes, data.classes)
    data.preprocessing = bundle.preprocessing
    data.eval_batch_size = bundle.meta["eval_batch_size"]
    loader = _relabelled(data.loader(chosen), mapping)
    device = settings.device(World())
    return evaluate(bundle.network, loader, bundle.classes, device, settings.precision_context())


def predict(run: Path, data: TransferData, split: Split, out: Path, settings: TrainerSettings) -> int:
    """Write the class of every sample of `split` to a CSV: input, class, probability.

    Args:
        run: A run directory, or a bundle.
        data: Loads the samples; its own splits are not touched.
        split: What to predict.
        out: The CSV, written whole or not at all.
        settings: Where to compute.

    Returns:
        The number of rows.
    """
    bundle = _bundle(run)
    data.preprocessing = bundle.preprocessing
    data.eval_batch_size = bundle.meta["eval_batch_size"]
    rows = _predictions(bundle, data.loader(split), split, settings)
    written = 0

    def write(path: Path) -> None:
        nonlocal written
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["input", "class", "probability"])
            for row in rows:
                writer.writerow(row)
                written += 1

    write_durably(out, write)
    return written


def _predictions(
    bundle: Bundle, loader: Iterable[Batch], split: Split, settings: TrainerSettings
) -> Iterator[tuple[str, str, float]]:
    device = settings.device(World())
    network = bundle.network.to(device).eval()
    with torch.inference_mode(), settings.precision_context():
        for batch in loader:
            probabilities = network(to_device(batch.inputs, device)).float().softmax(dim=1)
            best = probabilities.max(dim=1)
            for number, place, share in zip(
                batch.ids.tolist(), best.indices.tolist(), best.values.tolist(), strict=True
            ):
                yield split.name(number), bundle.classes[place], share


def _bundle(run: Path) -> Bundle:
    return load_bundle(run / BUNDLE if (run / BUNDLE).is_dir() else run)


def _split(data: TransferData, name: str) -> Split:
    if name not in ("train", "val", "test"):
        raise ConfigError(f"no split {name!r}. Known: train, val, test", fix="split=test")
    found: Split | None = getattr(data.splits, name)
    if found is None:
        raise ConfigError("the data has no test split", fix="split=val")
    return found


def _imposed(known: Sequence[str], found: Sequence[str]) -> Tensor:
    """Position in the data's classes to position in the network's."""
    foreign = [name for name in found if name not in known]
    if foreign:
        raise DataError(
            f"the network does not know {len(foreign)} classes of this data, first {', '.join(foreign[:3])}; "
            f"it knows {', '.join(known[:5])}{' and more' if len(known) > 5 else ''}",
            fix="data of the classes it was trained on",
        )
    return torch.tensor([known.index(name) for name in found])


def _relabelled(loader: Iterable[Batch], mapping: Tensor) -> Iterator[Batch]:
    for batch in loader:
        yield batch._replace(targets=mapping[batch.targets])
