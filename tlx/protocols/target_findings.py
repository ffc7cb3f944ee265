"""What may be wrong with a target: what it holds, and how it reaches the network."""

from collections.abc import Callable

from tlx.inspection.finding import Finding
from tlx.inspection.samples import counts, normalisation
from tlx.job import Job

__all__ = ["findings_of"]


def findings_of(job: Job, say: Callable[[str], None]) -> list[Finding]:
    """Everything that was noticed, what is bad first.

    Args:
        job: Of the recommended model.
        say: Takes a line for people.
    """
    splits = job.data.splits
    found = [*counts(splits, job.task.targets), *normalisation(splits.train, job.backbone.preprocessing)]
    order = {"bad": 0, "warn": 1, "ok": 2}
    return sorted(found, key=lambda finding: order[finding.level])
