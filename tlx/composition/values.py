"""Plain values of a config, held against the annotations of what they are for."""

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tlx.errors import bad_value, unknown_name
from tlx.targets import resolve

__all__ = ["check_arguments", "check_types", "check_values"]

CHECKED = (bool, int, float, str, types.NoneType)


def check_values(node: Mapping[str, Any], where: str, trust: Iterable[str] = ()) -> None:
    """Hold the plain values of a recipe against the annotations of what it builds.

    Raises:
        ConfigError: A value is of another kind, say text for a number.
    """
    target = resolve(str(node.get("_target_", "")), trust)
    described = inspect.getattr_static(target, "__init__") if isinstance(target, type) else target
    try:
        hints = typing.get_type_hints(described)
    except (NameError, TypeError, AttributeError):
        return
    check_types({key: value for key, value in node.items() if key != "_target_"}, hints, where)


def check_arguments(target: Callable[..., Any], values: Mapping[str, Any], where: str) -> None:
    """Hold the names and values of a node against the signature of what takes them.

    Raises:
        ConfigError: It does not take one of them, or a value is of another kind.
    """
    known = list(inspect.signature(target).parameters)
    unread = next((key for key in values if key not in known), None)
    if unread is not None:
        raise unknown_name(f"key of {where}", unread, known)
    described = inspect.getattr_static(target, "__init__") if isinstance(target, type) else target
    check_types(values, typing.get_type_hints(described), where)


def check_types(values: Mapping[str, Any], hints: Mapping[str, Any], where: str) -> None:
    """Hold plain values against annotations; those that are not of plain types only take anything.

    Args:
        values: By their names.
        hints: The annotations, by the same names.
        where: Whose they are, for the message.

    Raises:
        ConfigError: A value is of another kind.
    """
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
