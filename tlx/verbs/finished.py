"""What test and predict need of a finished run: its data and where to compute."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tlx.composition.amend import amended
from tlx.composition.resolve import resolved, saved_run
from tlx.composition.trust import importable
from tlx.errors import CheckpointError
from tlx.run.directory import check_run, how_left, read_state, shown

if TYPE_CHECKING:
    from tlx.data.datamodule import TransferData
    from tlx.trainer import TrainerSettings

__all__ = ["open_run"]


def open_run(
    run: Path, options: Mapping[str, str], trust: Sequence[str] = ()
) -> tuple["TransferData", "TrainerSettings"]:
    """The data of a finished run, or that of the options, and one device to compute on.

    Raises:
        CheckpointError: The folder is no run, or the run is not finished.
    """
    check_run(run)
    status = read_state(run)["status"]
    if status != "finished":
        raise CheckpointError(
            f"{shown(run)} is not finished ({how_left(run)})", fix=f"tlx resume {shown(run)}"
        )
    config = resolved(amended(saved_run(run / "config.yaml"), options))

    from tlx.arithmetic import used_by
    from tlx.composition.job import make_data
    from tlx.recipe import build

    trust = importable(trust)
    settings: TrainerSettings = build({**config["trainer"], "devices": 1, "num_nodes": 1}, trust)
    data = make_data(config["data"], trust)
    if "task" in config:
        data.targets = build(config["task"], trust).targets
    return data, used_by(run, settings)
