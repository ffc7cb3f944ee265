"""The further samples that both arms of a gain are asked about: `data@also=...`."""

from typing import Any, NamedTuple

from tlx.data.datamodule import TransferData
from tlx.data.duplicates import comparable, copies_in
from tlx.data.node import data_beside
from tlx.errors import ConfigError, DataError
from tlx.inference import imposed
from tlx.job import Job
from tlx.protocols.given import Given
from tlx.types import Splits, Targets

__all__ = ["Also", "also_data", "refuse_seen", "refuse_unknown"]


class Also(NamedTuple):
    """Further samples.

    Args:
        name: For people.
        data: Of the classes that the networks know.
        split: The one that is asked about: test, or val where there is none.
    """

    name: str
    data: TransferData
    split: str


def also_data(given: Given, targets: Targets) -> Also | None:
    """What the config names beside the target; None where it names nothing.

    Args:
        given: Its config and what builds data.
        targets: What labels are.
    """
    node: Any = given.config.get("also")
    if not node:
        return None
    data = given.makers.data(node)
    data.node, data.targets, data.classes_from = "also", targets, "all"
    split = "val" if data.splits.test is None else "test"
    return Also(f"{data_beside(node)}, {split}", data, split)


def refuse_unknown(also: Also, job: Job) -> None:
    """Refuse samples that the networks cannot read, or of classes that they will not know.

    Args:
        also: Further samples.
        job: Of either arm.

    Raises:
        ConfigError: They are of another kind: texts for a network that reads images.
        DataError: They have a class, or lack a number, that the target has.
    """
    reads, kind = job.backbone.preprocessing.kind, also.data.source.kind
    if reads != kind:
        raise ConfigError(
            f"the model reads {reads} and data@also ({also.name}) is {kind}", fix=f"{reads} data as data@also"
        )
    imposed(job.data.classes, also.data.classes, job.task.targets)


def refuse_seen(also: Also, splits: Splits) -> None:
    """Refuse samples that the runs are trained or chosen on.

    Args:
        also: Further samples.
        splits: Of the target; what cannot be compared shares nothing that is known.

    Raises:
        DataError: There are some.
    """
    asked = getattr(also.data.splits, also.split)
    known = [split for split in (splits.train, splits.val) if comparable(split)]
    if comparable(asked) and (seen := int(copies_in(asked, known).sum())):
        raise DataError(
            f"{seen} of the {len(asked)} samples of data@also ({also.name}) are among those that the runs "
            "are trained or chosen on, which flatters the figures",
            fix="other samples as data@also, or in the target",
        )
