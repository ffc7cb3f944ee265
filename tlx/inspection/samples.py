"""What the data hold: classes and their counts, and values against those the weights know."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlx.inspection.finding import Finding
from tlx.types import Preprocessing, Split, Splits, Targets

__all__ = ["counts", "normalisation"]

LOOKED_AT = 32
"""Samples that are read, spread evenly over the training split."""

SHOWN = 10


def counts(splits: Splits, targets: Targets) -> list[Finding]:
    """The samples of each class in each split, or the spread of each number."""
    findings = []
    for name, split in (("train", splits.train), ("val", splits.val), ("test", splits.test)):
        if split is None:
            findings.append(Finding("ok", "no test split"))
        elif targets == "numbers":
            findings.append(_spread(name, split.labels, splits.classes))
        else:
            findings += _classes(name, split.labels, splits.classes)
    return findings


def normalisation(split: Split, preprocessing: Preprocessing) -> list[Finding]:
    """Values of some samples as they are and as the network would read them."""
    numbers = np.unique(np.linspace(0, len(split) - 1, min(LOOKED_AT, len(split))).astype(int))
    raw = [split.read(int(number)) for number in numbers]
    inputs = preprocessing.collate([preprocessing.prepare(sample) for sample in raw])
    if isinstance(inputs, dict):
        return _tokens(inputs, preprocessing)
    return [*_raw_values(raw), *_read_values(inputs, preprocessing)]


def _classes(name: str, labels: NDArray[Any], classes: Sequence[str]) -> list[Finding]:
    found = np.bincount(labels, minlength=len(classes)) if labels.ndim == 1 else labels.sum(axis=0, dtype=int)
    rows = ", ".join(f"{kind} {count:,}" for kind, count in zip(classes[:SHOWN], found, strict=False))
    more = f" and {len(classes) - SHOWN} more classes" if len(classes) > SHOWN else ""
    findings = [Finding("ok", f"{name}: {len(labels):,} samples; {rows}{more}")]
    empty = [kind for kind, count in zip(classes, found, strict=True) if count == 0]
    if empty:
        findings.append(
            Finding(
                "warn",
                f"{name} has no sample of {', '.join(empty[:3])}",
                "samples of every class in every split; without them the figures leave it out",
            )
        )
    present = found[found > 0]
    if name == "train" and len(present) > 1 and present.max() >= 10 * present.min():
        findings.append(
            Finding(
                "warn",
                f"the largest class has {present.max() / present.min():.0f} times the smallest one's samples",
                "task.class_weights=balanced, and monitor=val/f1 instead of accuracy",
            )
        )
    return findings


def _spread(name: str, labels: NDArray[Any], names: Sequence[str]) -> Finding:
    rows = ", ".join(
        f"{each} {column.min():.4g} to {column.max():.4g}, mean {column.mean():.4g}, std {column.std():.4g}"
        for each, column in zip(names[:SHOWN], labels.T, strict=False)
    )
    return Finding("ok", f"{name}: {len(labels):,} samples; {rows}")


def _raw_values(raw: Sequence[Any]) -> list[Finding]:
    arrays = [np.asarray(sample) for sample in raw]
    low, high = min(float(array.min()) for array in arrays), max(float(array.max()) for array in arrays)
    whole = all(np.issubdtype(array.dtype, np.integer) or array.dtype == bool for array in arrays)
    if low < 0:
        return [
            Finding(
                "warn",
                f"pictures hold values from {low:.3g} to {high:.3g}: they were normalised before",
                "pictures as they were, with values from 0 to 255",
            )
        ]
    if whole and high <= 1:
        return [
            Finding(
                "warn",
                f"pictures hold values from {low:.3g} to {high:.3g} of 255: all of it black to the network",
                "pictures with values from 0 to 255, or arrays of floating point from 0 to 1",
            )
        ]
    if not whole and high > 1.5:
        return [
            Finding(
                "warn",
                f"arrays of floating point hold values up to {high:.3g}, and are read as 0 to 1",
                "arrays divided by 255, or of type uint8",
            )
        ]
    return [Finding("ok", f"pictures hold values from {low:.3g} to {high:.3g}")]


def _read_values(inputs: Tensor, preprocessing: Any) -> list[Finding]:
    mean, std = inputs.mean(dim=(0, 2, 3)), inputs.std(dim=(0, 2, 3))
    said = (
        f"as the network reads them: mean {_row(mean)}, spread {_row(std)} by channel; "
        "the weights were trained at about 0 and 1"
    )
    far = bool((mean.abs() > 2).any() or (std < 0.2).any() or (std > 3).any())
    findings = [
        Finding(
            "warn", said, "a look at the pictures: are they very dark, bright or flat, or scaled already?"
        )
        if far
        else Finding("ok", said)
    ]
    channels = inputs * torch.tensor(preprocessing.std).view(-1, 1, 1) + torch.tensor(
        preprocessing.mean
    ).view(-1, 1, 1)
    if inputs.shape[1] == 3 and bool((channels - channels[:, :1]).abs().max() < 1e-3):
        findings.append(
            Finding(
                "warn",
                f"all {len(inputs)} pictures looked at are grey, and the model reads three colours",
                "model.channels=1, which sums the first layer over its colours; or leave it: nothing breaks",
            )
        )
    return findings


def _tokens(inputs: dict[str, Tensor], preprocessing: Any) -> list[Finding]:
    lengths = inputs["attention_mask"].sum(dim=1)
    most = int(preprocessing.max_length)
    cut = float((lengths >= most).float().mean())
    said = f"texts have {int(lengths.min())} to {int(lengths.max())} tokens; {cut:.0%} fill all {most}"
    findings = [Finding("warn", said, f"model.max_length={2 * most}") if cut > 0.2 else Finding("ok", said)]
    unknown = getattr(preprocessing.tokenizer, "unk_token_id", None)
    if unknown is not None:
        share = float((inputs["input_ids"] == unknown).sum() / lengths.sum())
        said = f"{share:.1%} of the tokens are not in the vocabulary"
        way_out = "a model trained on texts of this language and script"
        findings.append(Finding("warn", said, way_out) if share > 0.05 else Finding("ok", said))
    return findings


def _row(values: Tensor) -> str:
    return " ".join(f"{value:.2f}" for value in values.tolist())
