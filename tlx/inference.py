"""A finished run at work: test it, predict with it, load it. All of it from the bundle alone."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.calibration import WithTemperature
from tlx.checkpoint.bundle import Bundle, load_bundle
from tlx.checkpoint.durable import write_durably
from tlx.data.datamodule import TransferData
from tlx.errors import CheckpointError, ConfigError, DataError
from tlx.evaluation import evaluate, to_device
from tlx.modules.network import Network
from tlx.run.directory import refuse_several, shown
from tlx.trainer import TrainerSettings, World
from tlx.types import PADDING, Batch, Inputs, Preprocessing, Split, Targets

__all__ = ["BUNDLE", "Transform", "imposed", "load", "predict", "score", "split_of", "worth_of_each"]

BUNDLE = "bundle"
"""Folder of a run in which its bundle lies."""


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


def load(run: str | Path, trust: Iterable[str] = ()) -> tuple[Network, Transform]:
    """The network of a finished run, in evaluation mode, and the transform it needs.

    It gives logits as they were trained; `(network(transform(samples)) / network.temperature).softmax(1)`
    are calibrated probabilities, of several answers for each sample `sigmoid()` of the quotient.

    Args:
        run: A run directory, or a bundle.
        trust: Further packages whose code the bundle may name.

    Raises:
        CheckpointError: The run has no bundle, or it is damaged.
        SecurityError: It names code that nobody trusts.
    """
    bundle = _bundle(Path(run), trust)
    return bundle.network, Transform(bundle.preprocessing)


def score(
    run: Path,
    data: TransferData,
    settings: TrainerSettings,
    split: str = "test",
    trust: Iterable[str] = (),
) -> dict[str, Any]:
    """Score a finished run on a split of some data; the training classes are imposed.

    Args:
        run: A run directory, or a bundle.
        data: Its own data, or other data of the same classes.
        settings: Where to compute.
        split: `train`, `val` or `test`.
        trust: Further packages whose code the bundle may name.

    Returns:
        An entry as in evaluation.json, without the mistakes' pictures; `calibrated` is there where the run
        has a temperature.

    Raises:
        DataError: The data has a class that the network does not know.
        ConfigError: The data has no such split.
    """
    bundle = _bundle(run, trust)
    data.targets = bundle.task.targets
    chosen = split_of(data, split)
    mapping = imposed(bundle.classes, data.classes, bundle.task.targets)
    data.preprocessing = bundle.preprocessing
    data.eval_batch_size = bundle.meta["eval_batch_size"]
    loader = _relabelled(data.loader(chosen), mapping, len(bundle.classes))
    device = _laid_out(bundle, settings)
    scores = bundle.task.scores(bundle.classes, _range(chosen.labels, mapping), bundle.network.output)
    calibrates = bundle.task.targets != "numbers" and "temperature" in bundle.meta
    tried = WithTemperature(bundle.network.temperature).to(device) if calibrates else None
    found = evaluate(bundle.network, loader, scores, device, settings.precision_context(), tried)
    return found if tried is None else found | {"calibrated": tried.result()}


def worth_of_each(
    run: Path,
    data: TransferData,
    settings: TrainerSettings,
    split: str = "test",
    trust: Iterable[str] = (),
) -> Tensor:
    """What the answer to each sample of a split is worth: 1 where it is right, 0 where it is not.

    Args:
        run: A run directory, or a bundle.
        data: As in `score`.
        settings: Where to compute.
        split: `train`, `val` or `test`.
        trust: Further packages whose code the bundle may name.

    Returns:
        Shape (N,), float64, in the order of the split: the figure of `tlx.figures.TRAIN_FIGURE`, which
        for several answers to a sample is the share of right ones, and for numbers the mean error.

    Raises:
        DataError: The data has a class that the network does not know.
        ConfigError: The data has no such split.
    """
    bundle = _bundle(run, trust)
    data.targets = bundle.task.targets
    chosen = split_of(data, split)
    mapping = imposed(bundle.classes, data.classes, bundle.task.targets)
    data.preprocessing = bundle.preprocessing
    data.eval_batch_size = bundle.meta["eval_batch_size"]
    device = _laid_out(bundle, settings)
    network = bundle.network.to(device).eval()
    found = torch.empty(len(chosen), dtype=torch.float64)
    with torch.inference_mode(), settings.precision_context():
        for batch in _relabelled(data.loader(chosen), mapping, len(bundle.classes)):
            outputs = network(to_device(batch.inputs, device)).float()
            counted = batch.ids != PADDING
            worth = bundle.task.worth(outputs, batch.targets.to(device)).cpu().double()
            found[batch.ids[counted]] = worth[counted]
    return found


def predict(
    run: Path,
    data: TransferData,
    split: Split,
    out: Path,
    settings: TrainerSettings,
    trust: Iterable[str] = (),
    calibrated: bool = True,
) -> int:
    """Write what the network says of every sample of `split` to a CSV.

    Its columns, behind the input, are the task's: class and probability; classes and the
    probability of each; or numbers.

    Args:
        run: A run directory, or a bundle.
        data: Loads the samples; its own splits are not touched.
        split: What to predict.
        out: The CSV, written whole or not at all.
        settings: Where to compute.
        trust: Further packages whose code the bundle may name.
        calibrated: Divide logits by the run's temperature where probabilities are made of them; which
            classes are predicted does not depend on it.

    Returns:
        The number of rows.
    """
    bundle = _bundle(run, trust)
    data.preprocessing = bundle.preprocessing
    data.eval_batch_size = bundle.meta["eval_batch_size"]
    if not calibrated:
        bundle.network.temperature = 1.0
    rows = _predictions(bundle, data.loader(split), split, settings)
    written = 0

    def write(path: Path) -> None:
        nonlocal written
        with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow(["input", *bundle.task.columns(bundle.classes)])
            for row in rows:
                writer.writerow(row)
                written += 1

    write_durably(out, write)
    return written


def _predictions(
    bundle: Bundle, loader: Iterable[Batch], split: Split, settings: TrainerSettings
) -> Iterator[list[Any]]:
    device = _laid_out(bundle, settings)
    network = bundle.network.to(device).eval()
    with torch.inference_mode(), settings.precision_context():
        for batch in loader:
            outputs = network(to_device(batch.inputs, device)).float()
            rows = bundle.task.predictions(outputs, bundle.classes, network.temperature)
            for number, row in zip(batch.ids.tolist(), rows, strict=True):
                if number != PADDING:
                    yield [split.name(number), *row]


def _laid_out(bundle: Bundle, settings: TrainerSettings) -> torch.device:
    """Where to compute, this process and the weights' layout being as the settings say."""
    settings.prepare_process()
    bundle.network.backbone.lay_out(settings.torch_memory_format)
    return settings.device(World())


def _bundle(run: Path, trust: Iterable[str] = ()) -> Bundle:
    refuse_several(run)
    try:
        return load_bundle(run / BUNDLE if (run / BUNDLE).is_dir() else run, trust)
    except CheckpointError as error:
        if (run / "state.json").is_file() and not ((run / BUNDLE).is_dir() and error.fix):
            fix = f"tlx resume {shown(run)}, which makes it again"
        else:
            fix = error.fix or "a whole copy of the bundle"
        raise CheckpointError(error.what, error.where, fix) from error


def split_of(data: TransferData, name: str) -> Split:
    """A split by its name.

    Raises:
        ConfigError: The data has no such split.
    """
    if name not in ("train", "val", "test"):
        raise ConfigError(f"no split {name!r}. Known: train, val, test", fix="split=test")
    found: Split | None = getattr(data.splits, name)
    if found is None:
        raise ConfigError("the data has no test split", fix="split=val")
    return found


def imposed(known: Sequence[str], found: Sequence[str], targets: Targets) -> Tensor:
    """Position in the classes of some data to position in those of a network.

    Args:
        known: The network's classes, or the numbers that it predicts.
        found: Those of the data.
        targets: What labels are.

    Returns:
        Shape (classes of the data,), int64.

    Raises:
        DataError: The data has one that the network does not know, or lacks a number.

    >>> imposed(("ant", "bee", "wasp"), ("wasp", "ant"), "class")
    tensor([2, 0])
    """
    what = "numbers" if targets == "numbers" else "classes"
    foreign = [name for name in found if name not in known]
    if foreign:
        raise DataError(
            f"the network does not know {len(foreign)} {what} of this data, first {', '.join(foreign[:3])}; "
            f"it knows {', '.join(known[:5])}{' and more' if len(known) > 5 else ''}",
            fix=f"data of the {what} it was trained on",
        )
    missing = [name for name in known if name not in found]
    if what == "numbers" and missing:
        raise DataError(f"the data lacks {', '.join(missing[:3])}, which the network predicts")
    return torch.tensor([known.index(name) for name in found])


def _relabelled(loader: Iterable[Batch], mapping: Tensor, count: int) -> Iterator[Batch]:
    """Batches whose targets are positions, or columns, of the network's classes."""
    for batch in loader:
        if batch.targets.ndim == 1:
            yield batch._replace(targets=mapping[batch.targets])
        else:
            targets = batch.targets.new_zeros(len(batch.targets), count)
            targets[:, mapping] = batch.targets
            yield batch._replace(targets=targets)


def _range(labels: NDArray[Any], mapping: Tensor) -> NDArray[Any]:
    """Labels in the order of the network's numbers; other labels as they are."""
    if labels.ndim == 1 or labels.dtype.kind != "f":
        return labels
    return labels[:, mapping.argsort().numpy()]
