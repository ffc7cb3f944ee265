"""What may be wrong with a target: what it holds, how it reaches the network, and what is there twice."""

from collections.abc import Callable

from tlx.cache.part import Part
from tlx.inspection.finding import Finding
from tlx.inspection.input_match import input_match
from tlx.inspection.label_shift import label_shifts
from tlx.inspection.leakage import leakage
from tlx.inspection.samples import counts, normalisation
from tlx.job import Job
from tlx.protocols.frozen import drawn, stage_features
from tlx.trainer import World
from tlx.types import Splits

__all__ = ["findings_of"]


def findings_of(job: Job, most: int, say: Callable[[str], None]) -> list[Finding]:
    """Everything that was noticed, what is bad first.

    Args:
        job: Of the recommended model.
        most: Samples of a split at most among which copies are looked for.
        say: Takes a line for people.
    """
    splits, settings = job.data.splits, job.trainer
    found = [*counts(splits, job.task.targets), *label_shifts(splits, job.task.targets)]
    found += normalisation(splits.train, job.backbone.preprocessing)
    found += _copies(job, most, say)
    found += input_match(job.backbone, job.data, settings.device(World()), settings.precision_context)
    order = {"bad": 0, "warn": 1, "ok": 2}
    return sorted(found, key=lambda finding: order[finding.level])


def _copies(job: Job, most: int, say: Callable[[str], None]) -> list[Finding]:
    """Samples that are told twice, by the last stage of the frozen backbone."""
    train, val, test, classes = job.data.splits
    parts = {"train": train, "val": val} | ({} if test is None else {"test": test})
    read = {name: drawn(split, most, job.seed) for name, split in parts.items()}
    features = stage_features(job, say)
    last = features.stages[-1]
    rows = {name: features.of(Part(name, split))[last] for name, split in read.items()}
    found = leakage(rows, Splits(read["train"], read["val"], read.get("test"), classes))
    fewer = [name for name in read if len(read[name]) < len(parts[name])]
    if fewer:
        shares = ", ".join(f"{len(read[name]):,} of {name}" for name in fewer)
        found.append(Finding("ok", f"copies were looked for among {shares}"))
    return found
