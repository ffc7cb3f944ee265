"""Which tasks of a sequence had anything that could be held on to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.plan import HEAD, Plan, split_part
from tlx.run.directory import read_json

__all__ = ["holding"]


def holding(config: Mapping[str, Any], runs: list[Path]) -> list[int]:
    """The tasks, counted from 1, in which a regularizer had weights to hold on to the tasks before by.

    These are weights that train and do not begin anew: none with a frozen backbone and a head for each
    task, and none from scratch. Of the first task nothing came before.

    Args:
        config: Of the sequence.
        runs: The folder of each task's run, in their order, all of them finished.

    Raises:
        CheckpointError: A run has no plan.json.
    """
    if not config.get("regularizer"):
        return []
    plans = [(number, Plan.from_dict(read_json(run / "plan.json"))) for number, run in enumerate(runs, 1)]
    goes_on = config["scenario"] == "domain"  # its head does
    return [number for number, plan in plans[1:] if goes_on or _trains_known(plan)]


def _trains_known(plan: Plan) -> bool:
    trained = {split_part(part)[0] for phase in plan.phases for part in phase.trains} - {HEAD}
    return bool(trained - {stage for phase in plan.phases for stage in phase.reinitialise})
