"""Tasks one after another: each a run that starts from the one before, all of them measured after each."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tlx.assembly import build_network, new_head
from tlx.backbones.known_heads import KnownHeads
from tlx.checkpoint.bundle import load_bundle
from tlx.checkpoint.durable import write_durably
from tlx.data.node import loading_of, recipe_of
from tlx.functional.continual import average_accuracy, backward_transfer, forgetting, forward_transfer
from tlx.modules.network import Network
from tlx.protocols.given import Makers
from tlx.protocols.matrix import Told, told
from tlx.sequences.task import LearnedTask

__all__ = ["learn", "results", "task_config", "task_folder"]

ROWS = "rows"
"""The folder of the rows that are measured."""
NAMED = 3
"""Data sets that a result names, of more the first."""


def learn(
    config: Mapping[str, Any],
    tasks: Sequence[LearnedTask],
    folder: Path,
    makers: Makers,
    say: Callable[[str], None],
) -> list[list[Told]]:
    """Learn every task and measure all of them, from wherever the folder stands.

    Args:
        config: Of the sequence: a config of a fit, with `scenario` beside it.
        tasks: In the order in which they are learned.
        folder: Of the sequence.
        makers: Train, and build.
        say: Tells a person how far it is.

    Returns:
        The matrix: row t after t tasks, of every task.
    """
    (folder / ROWS).mkdir(parents=True, exist_ok=True)
    rows = [_row(config, tasks, 0, folder, makers)]
    for number, task in enumerate(tasks):
        say(f"task {number + 1}/{len(tasks)}: {task.name}")
        if number == 0 and config.get("regularizer"):
            say("no task came before it, so nothing is held on to: what trains moves freely")
        makers.train(task_folder(folder, number), task_config(config, tasks, number, folder))
        rows.append(_row(config, tasks, number + 1, folder, makers))
        say(_said(rows[-1][: number + 1]))
    return rows


def task_folder(folder: Path, number: int) -> Path:
    """Where the run of a task lives, counted from 0."""
    return folder / "tasks" / f"{number + 1:02d}"


def task_config(
    config: Mapping[str, Any], tasks: Sequence[LearnedTask], number: int, folder: Path
) -> dict[str, Any]:
    """The config of the run that learns a task: a config of a fit, which can be resumed by itself.

    The first task has nothing to hold on to, for what is held on to are tasks of the sequence; that its
    weights are pre-trained makes no difference. Every other starts from the run before it,
    and its source is all tasks so far.
    """
    task = tasks[number]
    found = {key: value for key, value in config.items() if key not in ("sequence", "scenario")}
    found["data"] = task.data
    found["names"] = {**config["names"], "data": f"{task.of or config['names']['data']}: {task.name}"}
    if number == 0:
        memory = "new" if config.get("init_from") is None else config["init_optimizer"]
        return found | {"regularizer": {}, "source": None, "init_optimizer": memory}
    before = [_learned(earlier.data) for earlier in tasks[:number]]
    source = {"_target_": "tlx.data.joined.Joined", "of": before, "duplicates": "ignore"}
    return found | {
        "init_from": str(task_folder(folder, number - 1)),
        "init_head": "continued" if config["scenario"] == "domain" else "kept",
        "source": source | _loading(config["data"]) if config.get("regularizer") else None,
    }


def results(
    config: Mapping[str, Any], tasks: Sequence[LearnedTask], rows: list[list[Told]], held: Sequence[int]
) -> dict[str, Any]:
    """What a finished sequence is: the matrix, and the figures of it.

    Figures bear the split that measured all tasks, and none where some have a test split and others do not.

    Args:
        config: Of the sequence.
        tasks: In the order in which they were learned.
        rows: As `learn` gives them.
        held: The tasks, counted from 1, in which earlier ones were held on to.
    """
    splits = sorted({each.split for each in rows[0]})
    measured_on = f"{splits[0]}/" if len(splits) == 1 else ""
    shares = torch.tensor([[each.right / each.samples for each in row] for row in rows], dtype=torch.float64)
    figures = {
        "average_accuracy": average_accuracy(shares),
        "backward_transfer": backward_transfer(shares),
        "forgetting": forgetting(shares),
        "forward_transfer": forward_transfer(shares),
    }
    nodes = config.get("regularizer") or {}
    return {
        "model": config["names"]["model"],
        "data": _data(config, tasks),
        "strategy": config["names"]["strategy"],
        "task": "sequence",
        "scenario": config["scenario"],
        "regularizer": {name: _settings(node) for name, node in nodes.items()},
        "held_on_in": list(held),
        "seed": config["seed"],
        "tasks": [task.name for task in tasks],
        "measured_on": " and ".join(splits),
        "samples": [each.samples for each in rows[0]],
        "matrix": shares.tolist(),
        **{f"{measured_on}{name}": value for name, value in figures.items()},
    }


def _data(config: Mapping[str, Any], tasks: Sequence[LearnedTask]) -> str:
    """What was learned from, for people: the data set, or those that tasks are."""
    own = list(dict.fromkeys(task.of for task in tasks if task.of))
    more = f" and {len(own) - NAMED} more" if len(own) > NAMED else ""
    return ", ".join(own[:NAMED]) + more if own else str(config["names"]["data"])


def _settings(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "_target_"}


def _learned(node: Mapping[str, Any]) -> dict[str, Any]:
    """The source of the samples that a task was learned from: of a few-shot draw no others."""
    recipe = recipe_of(node)
    if node.get("per_class") is None:
        return recipe
    few = {"shots": node["per_class"], "draw_seed": node["seed"]}
    return {"_target_": "tlx.data.few_shot.FewShot", "of": recipe, **few}


def _loading(node: Mapping[str, Any]) -> dict[str, Any]:
    """How the samples of earlier tasks become batches: those that were drawn of each, as they are."""
    return {**loading_of(node), "per_class": None, "augment": "auto"}


def _row(
    config: Mapping[str, Any],
    tasks: Sequence[LearnedTask],
    number: int,
    folder: Path,
    makers: Makers,
) -> list[Told]:
    """How well every task is told after `number` of them, measured once."""
    path = folder / ROWS / f"{number:02d}.json"
    if path.is_file():
        return [Told(*each) for each in json.loads(path.read_text())]
    job = makers.job(task_config(config, tasks, 0, folder))
    if number == 0:
        network = build_network(job)
        known: list[nn.Module] = []
    else:
        network = load_bundle(task_folder(folder, number - 1) / "bundle", makers.trust).network
        known = _known_heads(network)
    if config["scenario"] == "domain":
        heads = [network.head] * len(tasks)
    else:
        later = list(enumerate(tasks))[len(known) :]
        heads = [*known, *(new_head(job, len(makers.data(task.data).classes), at) for at, task in later)]
    made = [lambda node=task.data: makers.data(node) for task in tasks]
    row = told(network, heads, made, job.trainer)
    write_durably(path, lambda to: to.write_text(json.dumps(row)))
    return row


def _known_heads(network: Network) -> list[nn.Module]:
    """The heads of the tasks so far, in their order."""
    earlier = network.backbone.original_head
    return [*(earlier.heads if isinstance(earlier, KnownHeads) else ()), network.head]


def _said(row: Sequence[Told]) -> str:
    shares = "  ".join(f"{100 * each.right / each.samples:.1f}" for each in row)
    return f"accuracy on the tasks so far, in %: {shares}"
