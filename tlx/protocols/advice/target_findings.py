"""What may be wrong with a target: what it holds, how it reaches the network, and what is there twice."""

from collections.abc import Mapping, Sequence

import torch

from tlx.cache.part import Part
from tlx.cache.stage_features import StageFeatures
from tlx.data.concatenated import Concatenated
from tlx.inspection.finding import Finding
from tlx.inspection.input_match import input_match
from tlx.inspection.label_shift import label_shifts
from tlx.inspection.leakage import leakage
from tlx.inspection.samples import counts, normalisation
from tlx.job import Job
from tlx.trainer import World
from tlx.types import Splits

__all__ = ["findings_of"]


def findings_of(job: Job, features: StageFeatures, read: Mapping[str, Sequence[Part]]) -> list[Finding]:
    """Everything that was noticed, what is bad first.

    Args:
        job: Of the recommended model.
        features: Of its backbone.
        read: The parts of each split among which copies are looked for.
    """
    splits, settings = job.data.splits, job.trainer
    found = [*counts(splits, job.task.targets), *label_shifts(splits, job.task.targets)]
    found += normalisation(splits.train, job.backbone.preprocessing)
    found += _copies(job, features, read)
    found += input_match(job.backbone, job.data, settings.device(World()), settings.precision_context)
    order = {"bad": 0, "warn": 1, "ok": 2}
    return sorted(found, key=lambda finding: order[finding.level])


def _copies(job: Job, features: StageFeatures, read: Mapping[str, Sequence[Part]]) -> list[Finding]:
    """Samples that are told twice, by the last stage of the frozen backbone."""
    splits, last = job.data.splits, features.stages[-1]
    rows = {name: torch.cat([features.of(part)[last] for part in parts]) for name, parts in read.items()}
    among = {name: Concatenated([part.split for part in parts]) for name, parts in read.items()}
    found = leakage(rows, Splits(among["train"], among["val"], among.get("test"), splits.classes))
    whole = {"train": splits.train, "val": splits.val, "test": splits.test}
    fewer = [name for name, split in whole.items() if split is not None and len(among[name]) < len(split)]
    if fewer:
        shares = ", ".join(f"{len(among[name]):,} of {name}" for name in fewer)
        found.append(Finding("ok", f"copies were looked for among {shares}"))
    return found
