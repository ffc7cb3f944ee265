"""From a config of plain values to the objects of a run."""

import functools
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from tlx.backbones.staged import StagedBackbone
from tlx.cache.settings import CacheSettings
from tlx.composition import resolve
from tlx.composition.arguments import check_types, check_values
from tlx.composition.groups import choices
from tlx.composition.init_head import take_heads
from tlx.composition.init_optimizer import remembering_run
from tlx.composition.initial import backbone_of, known_folder
from tlx.composition.trust import importable
from tlx.data.datamodule import TransferData
from tlx.data.node import LOADING, loading_of
from tlx.data.sources import told_of
from tlx.errors import ConfigError, bad_value, nearest
from tlx.job import NOTHING_KEPT, Job
from tlx.origin.regularizer import Regularizer
from tlx.plan import Plan
from tlx.recipe import build
from tlx.trainer import TrainerSettings
from tlx.types import Source, Task

__all__ = ["make_data", "make_head", "make_job", "make_trainer"]


def make_job(
    saved: Mapping[str, Any],
    trust: Iterable[str] = (),
    *,
    model: StagedBackbone | None = None,
    data: TransferData | Source | None = None,
    strategy: Callable[[Sequence[str]], Plan] | None = None,
) -> Job:
    """Build the objects of a run.

    Args:
        saved: A complete config, as in config.yaml.
        trust: Packages whose callables it may name.
        model: Stands for the model node but for its head; it is trained itself.
        data: Stands for the data node; a source still takes the loading from there.
        strategy: Stands for the strategy node.

    Raises:
        TlxError: A value cannot be used, or names something that may not be built.
    """
    trust = importable(trust)
    config = resolve.resolved(saved)
    backbone = dict(config["model"])
    head = backbone.pop("head")
    named = {"model": backbone, "strategy": config["strategy"], "optimizer": config["optimizer"]}
    for name, given in (("model", model), ("strategy", strategy)):
        if given is not None:
            del named[name]
    for name, node in named.items():
        check_values(node, name, trust)
    started = config.get("init_from")
    made = _make_backbone(started, backbone, trust, model)
    continues = take_heads(made, started, config.get("init_head", "new"), trust)
    return Job(
        trainer=make_trainer(config["trainer"], trust),
        optimizer=_make_optimizer(config["optimizer"], trust),
        task=_make_task(config["task"], trust),
        mixup=_number("mixup", config["mixup"]),
        ema=None if config["ema"] is None else _number("ema", config["ema"]),
        backbone=made,
        continues=continues,
        remembers=remembering_run(config, trust),
        earlier=known_folder(str(started)) if made.known else None,
        head=make_head(head, trust),
        head_recipe=dict(head),
        data=data if isinstance(data, TransferData) else make_data(config["data"], trust, data),
        strategy=build(config["strategy"], trust, partial=True) if strategy is None else strategy,
        norms=config.get("norms", "train"),
        rate_scale=_number("rate_scale", config.get("rate_scale", 1.0)),
        stage_rates={
            stage: _number(f"stage_rates.{stage}", factor)
            for stage, factor in (config.get("stage_rates") or {}).items()
        },
        seed=config["seed"],
        monitor=config["monitor"],
        page=config.get("page", True),
        names=dict(config["names"]),
        logger=_make_logger(config.get("logger"), saved, trust),
        cache=_make_cache(config.get("cache"), trust),
        source=make_data(config["source"], trust, word="source") if config.get("source") else None,
        regularizers=_make_regularizers(config.get("regularizer") or {}, trust),
    )


def _make_backbone(
    init_from: Any, node: Mapping[str, Any], trust: tuple[str, ...], model: StagedBackbone | None
) -> StagedBackbone:
    if init_from is not None:
        made = functools.partial(build, trust=trust)
        return backbone_of(str(init_from), node, made, trust, model)
    backbone: StagedBackbone = build(node, trust) if model is None else model
    return backbone


def make_data(
    node: Mapping[str, Any], trust: Iterable[str] = (), source: Source | None = None, word: str = "data"
) -> TransferData:
    """Build a source and what turns it into batches from one flat node.

    Args:
        node: Arguments of the source and of the loading.
        trust: Packages whose callables it may name.
        source: Stands for what the node says of the source.
        word: What the node is called.
    """
    loading = loading_of(node)
    check_types(loading, typing.get_type_hints(TransferData.__init__), word)
    if source is None and "_target_" not in node:
        raise ConfigError(f"{word} names no data set", fix="tlx list data shows the choices")
    recipe = {key: value for key, value in node.items() if key not in (*LOADING, "object")}
    made = _made(recipe, word, trust) if source is None else source
    with told_of(word, LOADING):
        return TransferData(made, **loading)


def _made(value: Any, where: str, trust: Iterable[str]) -> Any:
    """A source, after those that it is made of; what one of them refuses is told of the node it stands in."""
    if isinstance(value, list):
        return [_made(item, f"{where}.{number}", trust) for number, item in enumerate(value)]
    if not isinstance(value, Mapping) or "_target_" not in value:
        return value
    check_values(value, where, trust)
    inner = {key: _made(item, f"{where}.{key}", trust) for key, item in value.items()}
    with told_of(where, value):
        return build(inner, trust)


def make_head(node: Mapping[str, Any], trust: Iterable[str] = ()) -> Callable[..., Any]:
    """A head that still waits for `in_features` and `classes`."""
    check_values(node, "model.head", trust)
    head: Callable[..., Any] = build(node, trust, partial=True)
    return head


def make_trainer(node: Mapping[str, Any], trust: Iterable[str]) -> TrainerSettings:
    """The settings; a choice that YAML reads as a number (precision=16) is still looked up by name."""
    words = {key: str(node[key]) for key in ("accelerator", "precision") if key in node}
    check_values({**node, **words}, "trainer", trust)
    settings: TrainerSettings = build({**node, **words}, trust)
    return settings


def _make_logger(
    node: Mapping[str, Any] | None, saved: Mapping[str, Any], trust: Iterable[str]
) -> Callable[[Path], Any] | None:
    """What makes the callback for a run directory; runs of before there were loggers have none."""
    if node is None:
        return None
    check_values(node, "logger", trust)
    factory = build(node, trust)
    return None if factory is None else functools.partial(factory, settings=dict(_leaves(saved)))


def _leaves(saved: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting by its dotted key, references to the environment kept."""
    for key, value in saved.items():
        name = f"{where}.{key}" if where else str(key)
        if isinstance(value, Mapping):
            yield from _leaves(value, name)
        elif key != "_target_" and not name.startswith(("names.", "logger.")):
            yield name, value


def _make_optimizer(node: Mapping[str, Any], trust: Iterable[str]) -> Callable[..., Optimizer]:
    """The optimizer that still waits for parameters, tried on one that nobody trains."""
    optimizer: Callable[..., Optimizer] = build(node, trust, partial=True)
    try:
        optimizer([{"params": [nn.Parameter(torch.zeros(1))], "lr": 0.0}])
    except (TypeError, ValueError, IndexError) as error:
        settings = ", ".join(f"{key}={value}" for key, value in node.items() if key != "_target_")
        raise ConfigError(
            f"{node['_target_']} does not take optimizer settings {settings}: {error}",
            fix="tlx fit --cfg job, which shows every key of optimizer",
        ) from error
    return optimizer


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise bad_value(name, value, "a number")
    return float(value)


def _make_task(node: Mapping[str, Any], trust: Iterable[str]) -> Task:
    check_values(node, "task", trust)
    task: Task = build(node, trust)
    return task


def _make_cache(node: Mapping[str, Any] | None, trust: Iterable[str]) -> CacheSettings:
    """Runs of before there was a cache have none."""
    if node is None:
        return NOTHING_KEPT
    check_values(node, "cache", trust)
    settings: CacheSettings = build(node, trust)
    return settings


def _make_regularizers(nodes: Mapping[str, Any], trust: Iterable[str]) -> tuple[Regularizer, ...]:
    """In the order in which they were named; their sum does not depend on it but for rounding."""
    for name, node in nodes.items():
        key = f"regularizer.{name}"
        if not isinstance(node, Mapping) or "_target_" not in node:
            known = [choice for choice in choices("regularizer") if choice != "none"]
            given = key if isinstance(node, Mapping) else f"{key}={node!r}"
            raise ConfigError(
                f"{given} names no regularizer. Known: {', '.join(known)}",
                fix=f"regularizer={nearest(str(name), known) or known[0]}, or for one of your own "
                f"+{key}._target_=PACKAGE.MODULE.CLASS",
            )
        check_values(node, key, trust)
    return tuple(build(node, trust) for node in nodes.values())
