"""From a config of plain values to the objects of a run."""

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tlx.composition import resolve
from tlx.data.datamodule import TransferData
from tlx.errors import ConfigError, bad_value
from tlx.job import Job
from tlx.recipe import build
from tlx.recipe import resolve as callable_at

__all__ = ["LOADING", "check_values", "make_data", "make_head", "make_job"]

LOADING = tuple(name for name in inspect.signature(TransferData).parameters if name != "source")
"""The keys of a data node that say how samples become batches; the rest build the source."""

CHECKED = (bool, int, float, str, types.NoneType)


def make_job(saved: Mapping[str, Any], trust: Iterable[str] = ()) -> Job:
    """Build the objects of a run.

    Args:
        saved: A complete config, as in config.yaml.
        trust: Packages whose callables it may name.

    Raises:
        TlxError: A value cannot be used, or names something that may not be built.
    """
    trust = tuple(trust)
    config = resolve.resolved(saved)
    model = dict(config["model"])
    head = model.pop("head")
    for name, node in (
        ("model", model),
        *((name, config[name]) for name in ("strategy", "optimizer", "trainer")),
    ):
        check_values(node, name, trust)
    return Job(
        backbone=build(model, trust),
        head=make_head(head, trust),
        head_recipe=dict(head),
        data=make_data(config["data"], trust),
        strategy=build(config["strategy"], trust, partial=True),
        optimizer=build(config["optimizer"], trust, partial=True),
        trainer=build(config["trainer"], trust),
        seed=config["seed"],
        monitor=config["monitor"],
        label_smoothing=_share("label_smoothing", config["label_smoothing"]),
        names=dict(config["names"]),
    )


def make_data(node: Mapping[str, Any], trust: Iterable[str] = ()) -> TransferData:
    """Build a source and what turns it into batches from one flat node."""
    if "_target_" not in node:
        raise ConfigError("data names no source", fix="tlx list data shows the choices")
    source = {key: value for key, value in node.items() if key not in (*LOADING, "object")}
    loading = {key: value for key, value in node.items() if key in LOADING}
    check_values(source, "data", trust)
    _check_types(loading, typing.get_type_hints(TransferData.__init__), "data")
    return TransferData(build(source, trust), **loading)


def make_head(node: Mapping[str, Any], trust: Iterable[str] = ()) -> Callable[..., Any]:
    """A head that still waits for `in_features` and `classes`."""
    check_values(node, "model.head", trust)
    head: Callable[..., Any] = build(node, trust, partial=True)
    return head


def check_values(node: Mapping[str, Any], where: str, trust: Iterable[str] = ()) -> None:
    """Hold the plain values of a recipe against the annotations of what it builds.

    Raises:
        ConfigError: A value is of another kind, say text for a number.
    """
    target = callable_at(str(node.get("_target_", "")), trust)
    described = inspect.getattr_static(target, "__init__") if isinstance(target, type) else target
    try:
        hints = typing.get_type_hints(described)
    except (NameError, TypeError, AttributeError):
        return
    _check_types({key: value for key, value in node.items() if key != "_target_"}, hints, where)


def _check_types(values: Mapping[str, Any], hints: Mapping[str, Any], where: str) -> None:
    for key, value in values.items():
        kinds = _kinds(hints.get(key))
        if kinds is None or not isinstance(value, CHECKED):
            continue
        if isinstance(value, bool):
            fits = bool in kinds
        elif isinstance(value, int):
            fits = int in kinds or float in kinds
        else:
            fits = type(value) in kinds
        if not fits:
            raise bad_value(f"{where}.{key}", value, _words(kinds))


def _kinds(hint: Any) -> tuple[type, ...] | None:
    """The plain types an annotation allows; None where it is not made of plain types only."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) or _is_union(hint) else (hint,)
    kinds: list[type] = []
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            kinds += [type(value) for value in typing.get_args(option)]
        elif option in CHECKED:
            kinds.append(option)
        else:
            return None
    return tuple(kinds)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Union


def _words(kinds: Iterable[type]) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        types.NoneType: "null",
    }
    return " or ".join(dict.fromkeys(names[kind] for kind in kinds))


def _share(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise bad_value(name, value, "a share in [0, 1)")
    return float(value)
