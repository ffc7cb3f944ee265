"""`init_optimizer`: what becomes of what the optimizer of the run in `init_from` remembers."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from tlx.checkpoint.optimizer_state import newest_whole
from tlx.composition.initial import known_folder
from tlx.composition.resolve import from_yaml
from tlx.errors import ConfigError, unknown_name
from tlx.recipe import build

__all__ = ["INIT_OPTIMIZERS", "check_wish", "remembering_run"]

INIT_OPTIMIZERS = ("new", "kept")
NOTHING = "nothing"


def check_wish(config: Mapping[str, Any]) -> str:
    """What shall become of the memory of an optimizer.

    Raises:
        ConfigError: It is none of `INIT_OPTIMIZERS`.
    """
    wish = config.get("init_optimizer", "new")
    if wish not in INIT_OPTIMIZERS:
        raise unknown_name("init_optimizer", str(wish), INIT_OPTIMIZERS)
    return str(wish)


def remembering_run(config: Mapping[str, Any], trust: Iterable[str] = ()) -> Path | None:
    """The run directory whose optimizer's memory a new run takes up; None where it begins without any.

    Args:
        config: Of the new run: `init_optimizer`, `init_from` and `optimizer`.
        trust: Packages whose callables it may name.

    Raises:
        ConfigError: The wish is none of these, there is no run, or it was trained by another optimizer, or by
            one that was set to remember other things.
        CheckpointError: The run is not there, what is there is a bundle without its run, or its newest
            checkpoint is damaged.
    """
    run = config.get("init_from")
    if check_wish(config) == "new":
        return None
    if run is None:
        raise ConfigError("init_optimizer=kept is about a run, and there is none", fix="init_from=RUN")
    folder = known_folder(str(run)).parent
    newest_whole(folder)
    before, now = from_yaml(folder / "config.yaml")["optimizer"], config["optimizer"]
    if before["_target_"] != now["_target_"]:
        raise ConfigError(
            f"init_optimizer=kept: the run was trained by {before['_target_']}, not by {now['_target_']}",
            fix="the optimizer of the run, or init_optimizer=new",
        )
    there, here = _remembers(before, trust), _remembers(now, trust)
    if there != here or here == NOTHING:
        raise ConfigError(
            f"init_optimizer=kept: the run's optimizer remembers {there} of a weight, and this one {here}",
            fix="optimizer as it was set there, or init_optimizer=new",
        )
    return folder


def _remembers(node: Mapping[str, Any], trust: Iterable[str]) -> str:
    """What an optimizer has of a weight after a step: its settings decide that, not its class alone."""
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    optimizer: Optimizer = build(node, trust, partial=True)([{"params": [weight], "lr": 0.0}])
    optimizer.step()
    known = optimizer.state[weight].items()
    return ", ".join(sorted(name for name, value in known if value is not None)) or NOTHING
