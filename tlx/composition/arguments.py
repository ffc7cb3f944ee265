"""Arguments of a config held against the annotations of what takes them."""

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tlx.errors import bad_value, unknown_name
from tlx.targets import resolve as callable_at

__all__ = ["check_types", "check_values", "read_arguments"]

WORDS = {
    bool: ("true or false", "true or false"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    types.NoneType: ("null", "null"),
}
"""What people call a value of a kind, and several."""

CHECKED = tuple(WORDS)


class Allowed(NamedTuple):
    """What an annotation of plain types, sequences and mappings of them allows.

    Args:
        plain: Types of single values.
        items: Types of what is listed; empty where no list is allowed.
        named: Whether arguments by their names are.
    """

    plain: tuple[type, ...]
    items: tuple[type, ...]
    named: bool

    def __str__(self) -> str:
        lists = f"a list of {' or '.join(WORDS[kind][1] for kind in self.items)}" if self.items else ""
        arguments = "arguments by their names" if self.named else ""
        words = [word for word in (lists, arguments) if word]
        return " or ".join(dict.fromkeys([*words, *(WORDS[kind][0] for kind in self.plain)]))

    def takes(self, value: Any) -> bool:
        if isinstance(value, list | tuple):
            return bool(self.items) and all(_is_of(self.items, item) for item in value)
        return self.named if isinstance(value, Mapping) else _is_of(self.plain, value)


def check_values(node: Mapping[str, Any], where: str, trust: Iterable[str] = ()) -> None:
    """Hold the plain values of a recipe against the annotations of what it builds.

    Raises:
        ConfigError: A value is of another kind, say text for a number.
    """
    target = callable_at(str(node.get("_target_", "")), trust)
    try:
        hints = typing.get_type_hints(_described(target))
    except (NameError, TypeError, AttributeError):
        return
    check_types({key: value for key, value in node.items() if key != "_target_"}, hints, where)


def check_types(values: Mapping[str, Any], hints: Mapping[str, Any], where: str) -> None:
    """Hold plain values against annotations; lists and nodes are left to what takes them.

    Raises:
        ConfigError: A value is of another kind.
    """
    for key, value in values.items():
        allowed = _allowed(hints.get(key))
        if allowed is None or allowed.items or allowed.named or not isinstance(value, CHECKED):
            continue
        if not allowed.takes(value):
            raise bad_value(f"{where}.{key}", value, str(allowed))


def read_arguments(target: Callable[..., Any], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values of a node, held against the signature of what takes them, also inside of lists.

    Args:
        target: Takes them.
        values: By their names.
        where: What the node is called.

    Returns:
        The values. Where names are listed, a single one is a list of itself, and a number is a name, for YAML
        reads `0` as one.

    Raises:
        ConfigError: It does not take one of them, or a value is of another kind or not finite.
    """
    known = inspect.signature(target).parameters
    unread = next((key for key in values if key not in known), None)
    if unread is not None:
        raise unknown_name(f"key of {where}", unread, list(known))
    hints, read = typing.get_type_hints(_described(target)), dict[str, Any]()
    for key, value in values.items():
        allowed, name, default = _allowed(hints.get(key)), f"{where}.{key}", known[key].default
        read[key] = value if allowed is None else _listed(value, allowed)
        if allowed is not None and not allowed.takes(read[key]):
            raise bad_value(name, value, str(allowed), _way_out(name, value, allowed, default))
        numbers = read[key] if isinstance(read[key], list | tuple) else [read[key]]
        if not all(math.isfinite(number) for number in numbers if isinstance(number, float)):
            raise bad_value(name, value, f"{allowed}, finite", _way_out(name, value, allowed, default))
    return read


def _described(target: Callable[..., Any]) -> Any:
    return inspect.getattr_static(target, "__init__") if isinstance(target, type) else target


def _listed(value: Any, allowed: Allowed) -> Any:
    if allowed.items != (str,):
        return value
    if isinstance(value, str) and str not in allowed.plain:
        return [value]
    names = isinstance(value, list) and all(_is_of((str, int), item) for item in value)
    return [str(item) for item in value] if names else value


def _way_out(name: str, value: Any, allowed: Allowed | None, default: Any) -> str:
    """The value as a list of itself where that is all that it lacks, else the default."""
    finite = not isinstance(value, float) or math.isfinite(value)
    if allowed is not None and allowed.items and finite and allowed.takes([value]):
        return f"{name}=[{value}]"
    return "" if default is inspect.Parameter.empty else f"{name}={_written(default)}, the default"


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"


def _is_of(kinds: Sequence[type], value: Any) -> bool:
    """Whether a value is of one of the kinds; a whole number is a number, and true is none."""
    return type(value) in kinds or (type(value) is int and float in kinds)


def _allowed(hint: Any) -> Allowed | None:
    """What an annotation allows; None where it is made of other types too."""
    is_union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    plain, items, named = list[type](), list[type](), False
    for option in typing.get_args(hint) if is_union else (hint,):
        origin, inside = typing.get_origin(option), typing.get_args(option)
        if origin is typing.Literal:
            plain += [type(value) for value in inside]
        elif option in CHECKED:
            plain.append(option)
        elif origin is Sequence and inside and inside[0] in CHECKED:
            items.append(inside[0])
        elif origin is Mapping:
            named = True
        else:
            return None
    return Allowed(tuple(plain), tuple(items), named)
