"""What can be refused of the runs and the data of a question before there is a folder."""

from pathlib import Path

from tlx.assembly import build_network, origin_of, plan_of
from tlx.cache.place import check_place
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError, DataError, bad_value
from tlx.job import Job
from tlx.trainer import TrainerSettings, World

__all__ = [
    "check_count",
    "check_data",
    "check_fit",
    "check_one_machine",
    "check_one_process",
    "check_reading",
    "check_transfers",
    "check_views",
]


def check_count(data: TransferData, least: int, what: str) -> None:
    """Refuse data with too few training samples.

    Args:
        data: Knows what its node is called.
        least: The fewest that will do.
        what: Needs them.

    Raises:
        DataError: There are fewer.
    """
    count = len(data.splits.train)
    if count < least:
        has = "1 training sample" if count == 1 else f"{count} training samples"
        more = f"{data.node}.per_class=null, or more samples" if data.per_class else "more samples"
        raise DataError(
            f"{what} needs {least} samples or more of each side, and {data.node} has {has}", fix=more
        )


def check_data(job: Job) -> None:
    """Find the samples of the data, and of the source if there is one.

    Raises:
        DataError: They cannot be found, or are not as the task needs them.
    """
    for data in filter(None, (job.data, job.source)):
        _ = data.splits


def check_fit(job: Job) -> None:
    """Refuse a run for what it would be refused for in its folder: its plan, class weights, regularizers.

    Raises:
        ConfigError: It is asked for several machines, or what it is made of does not go together.
        DataError: Samples cannot be found, or the source has classes that the weights do not know.
    """
    check_one_machine(job.trainer, "asks a question")
    check_place(job.cache, job.trainer.devices)
    check_data(job)
    plan = plan_of(job)
    job.task.criterion(job.data.splits.train.labels, job.data.classes)
    origin_of(job, build_network(job), plan, Path(), World())


def check_one_machine(settings: TrainerSettings, does: str) -> None:
    """Refuse several machines for what starts the processes of its runs itself.

    Args:
        settings: Of the runs.
        does: What one machine does, for people.

    Raises:
        ConfigError: Several are asked for.
    """
    if settings.num_nodes > 1:
        raise bad_value(
            "trainer.num_nodes", settings.num_nodes, f"1, for one machine {does}", "trainer.num_nodes=1"
        )


def check_one_process(settings: TrainerSettings) -> None:
    """Refuse several processes where features are read.

    Raises:
        ConfigError: They are asked for.
    """
    if settings.processes > 1:
        raise ConfigError(
            f"{settings.processes} processes are asked for, and features are read by one",
            fix="trainer.devices=1 trainer.num_nodes=1",
        )


def check_reading(job: Job) -> None:
    """Refuse what no features could be read with: several processes, a place of the cache that is none.

    Raises:
        ConfigError: It is asked for.
    """
    check_one_process(job.trainer)
    check_place(job.cache)


def check_transfers(job: Job) -> None:
    """Refuse weights that know nothing, and a strategy that forgets what they know.

    Raises:
        ConfigError: There is nothing to transfer.
    """
    if job.backbone.weights == "random":
        raise ConfigError(
            "the model has random values, so there is nothing to transfer",
            fix="model.weights=FILE, or a model with weights (tlx list model)",
        )
    plan = plan_of(job)
    if set(plan.stages) <= {part for phase in plan.phases for part in phase.reinitialise}:
        raise ConfigError(
            f"strategy={job.names['strategy']} begins with random values, so nothing is transferred",
            fix="strategy=fine_tune; from scratch is the other arm",
        )


def check_views(job: Job) -> None:
    """Refuse variations of pictures where nothing but features of them as they are is read.

    Raises:
        ConfigError: They are asked for.
    """
    if job.cache.views is not None:
        raise bad_value(
            "cache.views", job.cache.views, "null: pictures are read as they are", "cache.views=null"
        )
