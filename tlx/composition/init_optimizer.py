"""`init_optimizer`: what becomes of what the optimizer of the run in `init_from` remembers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlx.checkpoint.durable import checkpoints
from tlx.composition.initial import known_folder
from tlx.composition.resolve import from_yaml
from tlx.errors import CheckpointError, ConfigError, unknown_name

__all__ = ["INIT_OPTIMIZERS", "remembering_run"]

INIT_OPTIMIZERS = ("new", "kept")


def remembering_run(config: Mapping[str, Any]) -> Path | None:
    """The run directory whose optimizer's memory a new run takes up; None where it begins without any.

    Args:
        config: Of the new run: `init_optimizer`, `init_from` and `optimizer`.

    Raises:
        ConfigError: The wish is none of these, there is no run, or it was trained by another optimizer.
        CheckpointError: The run is not there, or what is there is a bundle without its run.
    """
    wish, run = config.get("init_optimizer", "new"), config.get("init_from")
    if wish not in INIT_OPTIMIZERS:
        raise unknown_name("init_optimizer", str(wish), INIT_OPTIMIZERS)
    if wish == "new":
        return None
    if run is None:
        raise ConfigError("init_optimizer=kept is about a run, and there is none", fix="init_from=RUN")
    folder = known_folder(str(run)).parent
    if not (folder / "config.yaml").is_file() or not checkpoints(folder / "checkpoints"):
        raise CheckpointError(
            f"init_from={str(run)!r} has no checkpoint, which is where the memory of an optimizer lies",
            fix="init_from=RUN, a run directory with its checkpoints, or init_optimizer=new",
        )
    before = from_yaml(folder / "config.yaml")["optimizer"]["_target_"]
    if before != config["optimizer"]["_target_"]:
        raise ConfigError(
            f"init_optimizer=kept: the run was trained by {before}, not by {config['optimizer']['_target_']}",
            fix="the optimizer of the run, or init_optimizer=new",
        )
    return folder
