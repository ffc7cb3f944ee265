"""Objects in the place of the names of a config: what they may be, and how they are written down."""

import functools
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from tlx.backbones.staged import StagedBackbone
from tlx.composition.compose import Composed
from tlx.composition.secrets import refuse_secrets
from tlx.data.datamodule import TransferData
from tlx.data.node import LOADING
from tlx.data.sources import SOURCE, is_source
from tlx.errors import ConfigError

__all__ = ["OBJECT", "check_objects", "with_objects"]

OBJECT = "given as an object"
"""What a config says of a node that only Python can give again."""


def check_objects(objects: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Refuse what cannot stand for a name, and keys that an object leaves without a meaning.

    Args:
        objects: `model`, `data` and `strategy`, as far as they are no names.
        keys: Dotted keys that are given beside them.

    Raises:
        ConfigError: An object is of another kind, or a key would be ignored.
    """
    model, data, strategy = (objects.get(group) for group in ("model", "data", "strategy"))
    if "model" in objects and not isinstance(model, StagedBackbone):
        raise ConfigError(
            f"model is {_said(model)}. Expected a name or a StagedBackbone",
            fix="model='tiny', or tlx.backbones.staged.StagedBackbone around a network of your own",
        )
    if "data" in objects and not isinstance(data, TransferData) and not is_source(data):
        raise ConfigError(
            f"data is {_said(data)}. Expected a name, a source ({', '.join(SOURCE)}) or a TransferData",
            fix="data='digits', or a class with what tlx.types.Source asks for",
        )
    if "strategy" in objects and (not callable(strategy) or inspect.isclass(strategy)):
        raise ConfigError(
            f"strategy is {_said(strategy)}. Expected a name or a function from stages to a Plan",
            fix="strategy='full', or strategy=lambda stages: Plan(tuple(stages), phases)",
        )
    for key in keys:
        group, dot, leaf = key.partition(".")
        if dot and group in objects and not _read_beside(group, leaf, objects[group]):
            raise ConfigError(
                f"{key} would be ignored, for {group} is an object ({type(objects[group]).__name__})",
                fix=_where_instead(group, objects[group]),
            )


def with_objects(composed: Composed, objects: Mapping[str, Any]) -> Composed:
    """The config with what is known of objects in the place of the nodes they replace."""
    config = dict(composed.config)
    config["names"] = dict(config["names"])
    for group, given in objects.items():
        kept = {}
        if group == "model":
            described, kept = given.recipe, {"head": config["model"]["head"]}
        elif group == "data":
            described = getattr(given, "source", given).describe()
            loading = vars(given) if isinstance(given, TransferData) else config["data"]
            kept = {key: loading[key] for key in LOADING}
        else:
            described = given.describe() if hasattr(given, "describe") else {}
        config[group] = {**described, "object": OBJECT, **kept}
        config["names"][group] = _name(group, given)
    refuse_secrets(config)
    return Composed(config, composed.trust, composed.run_dir, composed.sweep_dir)


def _read_beside(group: str, leaf: str, given: Any) -> bool:
    if group == "data":
        return leaf in LOADING and not isinstance(given, TransferData)
    return group == "model" and leaf.partition(".")[0] == "head"


def _where_instead(group: str, given: Any) -> str:
    if group == "data" and not isinstance(given, TransferData):
        return f"an argument of {type(given).__name__}; the loading takes {', '.join(LOADING)}"
    if group == "data":
        return "an argument of TransferData, or the source alone with data__... beside it"
    if group == "model":
        return "an argument of what made the backbone; only model__head__... is read beside it"
    return "functools.partial around the strategy"


def _name(group: str, given: Any) -> str:
    while isinstance(given, functools.partial):
        given = given.func
    if group == "data":
        given = getattr(given, "source", given)
    named = getattr(given, "__name__", None) if group == "strategy" else None
    if group == "model":
        named = str(given.recipe.get("_target_", "")).rpartition(".")[2]
    return named or type(given).__name__.lower()


def _said(value: Any) -> str:
    return f"the class {value.__name__}" if inspect.isclass(value) else f"a {type(value).__name__}"
